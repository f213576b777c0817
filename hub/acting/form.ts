import { readText } from "../../base/read-text.ts";
import { fail, ok, type Result } from "../../model/result.ts";

/** Bytes of a form: a token and some words. */
const MAX_FORM = 16 * 1024;
const FORM = /^application\/x-www-form-urlencoded[ \t]*(;[ \t]*charset=("utf-8"|utf-8)[ \t]*)?$/i;

/** What a page's form sends. https://url.spec.whatwg.org/#application/x-www-form-urlencoded */
export async function readForm({ headers, body }: Request): Promise<Result<URLSearchParams>> {
  if (!FORM.test(headers.get("content-type") ?? "")) return fail("BadRequest", "a form is sent as application/x-www-form-urlencoded");
  try {
    const text = body === null ? "" : await readText(body as AsyncIterable<Uint8Array>, MAX_FORM);
    return text === undefined ? fail("TooLarge", `a form has at most ${MAX_FORM} bytes`) : ok(new URLSearchParams(text));
  } catch {
    // Its client left, or took too long.
    return fail("BadRequest", "the form did not come to its end");
  }
}

/** A path of this server to go on to; anything else is the first page. */
export function localPath(text: string | null, fallback: string): string {
  const url = text?.startsWith("/") === true && text.length < 2_000 ? URL.parse(text, "http://here.invalid") : null;
  return url?.host === "here.invalid" && !url.pathname.startsWith("//") ? `${url.pathname}${url.search}` : fallback;
}
