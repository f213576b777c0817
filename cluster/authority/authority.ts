import type { TrustBundle } from "../../model/trust-bundle.ts";
import type { CertificateFiles } from "./certificate.ts";

/** An authority of Weir's own. Who signs may change, and so may those that count; listeners of `onChange` are told of both. */
export interface Authority extends TrustBundle {
  /** What signs now. */
  signing(): CertificateFiles;
  /** Keeps it up to date until the returned function is called. */
  start(): () => Promise<void>;
}

/** An authority that stays as it is. */
export function fixedAuthority(files: CertificateFiles): Authority {
  return { signing: () => files, current: () => files.cert, onChange: () => () => {}, start: () => async () => {} };
}
