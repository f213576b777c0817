import { Composer, Scalar } from "yaml";
import type { PlacedScalar } from "./scalar.ts";

/** The first thing that is wrong with a text. */
export class FirstError extends Error {
  /** Where in the text, in characters. */
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** How the library reads: every scalar is a text, and `placedScalar` says which. Its warnings, which quote the text, are off. */
export const AS_TEXTS = { schema: "failsafe", resolveKnownTags: false, logLevel: "error" } as const;

/** A scalar of what was read so. */
export function placedScalar({ value, type, tag }: Scalar): PlacedScalar {
  return { text: String(value), isPlain: type === Scalar.PLAIN, tag };
}

type Source = number | readonly [number, number] | { readonly offset: number };
type OnError = (source: Source, code: string, message: string, isWarning?: boolean) => void;

/**
 * A composer that throws `FirstError`. The library's own goes on and makes an object with a stack for each error: a text of 1 MB that is nothing but wrong escapes held the
 * event loop up for 10 s. Its callback is private; a test fails when it is gone.
 */
export function createComposer(): Composer {
  // The library compares each key of a map with all others.
  const composer = new Composer({ ...AS_TEXTS, prettyErrors: false, uniqueKeys: false });
  let first: FirstError | undefined;
  (composer as unknown as { onError: OnError }).onError = (source, _, message, isWarning) => {
    if (isWarning) return;
    // The composer catches what is thrown below a collection, and reports it once more as the collection's.
    first ??= new FirstError(placeOf(source), message);
    throw first;
  };
  return composer;
}

function placeOf(source: Source): number {
  if (typeof source === "number") return source;
  return "offset" in source ? source.offset : source[0];
}
