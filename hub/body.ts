import { readText } from "../base/read-text.ts";
import { fail, ok, type Result } from "../model/result.ts";

export interface BodyBounds {
  readonly maxBytes: number;
  /** What is said of one that is larger. */
  readonly tooLarge: string;
  /** What it is called. */
  readonly name: string;
}

/** The body of a request as text. Fails with `TooLarge`, or with `BadRequest` where it did not come to its end. */
export async function readBody({ body }: Request, { maxBytes, tooLarge, name }: BodyBounds): Promise<Result<string>> {
  try {
    const text = body === null ? "" : await readText(body as AsyncIterable<Uint8Array>, maxBytes);
    return text === undefined ? fail("TooLarge", tooLarge) : ok(text);
  } catch {
    // Its client left, or took too long.
    return fail("BadRequest", `the ${name} did not come to its end`);
  }
}
