import type { Result } from "../model/result.ts";

/** Who may read what Weir knows. */
export interface Readers {
  /** `authorization`: the header. Fails with `Unauthorized`, or with `Forbidden` for somebody who is known and may not read; worded for the answer. */
  check(authorization: string | undefined): Result<void>;
  /** Calls the listener when others may read than before, until the returned function is called. */
  onChange(listener: () => void): () => void;
}
