import { fail, ok, type Result } from "../../model/result.ts";
import { readBody } from "../body.ts";

/** Bytes of a form: a token and some words. */
const MAX_FORM = 16 * 1024;
const BOUNDS = { maxBytes: MAX_FORM, tooLarge: `a form has at most ${MAX_FORM} bytes`, name: "form" };
const FORM = /^application\/x-www-form-urlencoded[ \t]*(;[ \t]*charset=("utf-8"|utf-8)[ \t]*)?$/i;

/** What a page's form sends. https://url.spec.whatwg.org/#application/x-www-form-urlencoded */
export async function readForm(request: Request): Promise<Result<URLSearchParams>> {
  if (!FORM.test(request.headers.get("content-type") ?? ""))
    return fail("BadRequest", "a form is sent as application/x-www-form-urlencoded");
  const text = await readBody(request, BOUNDS);
  return text.ok ? ok(new URLSearchParams(text.value)) : text;
}

/** A path of this server to go on to; anything else is the first page. */
export function localPath(text: string | null, fallback: string): string {
  const url = text?.startsWith("/") === true && text.length < 2_000 ? URL.parse(text, "http://here.invalid") : null;
  return url?.host === "here.invalid" && !url.pathname.startsWith("//") ? `${url.pathname}${url.search}` : fallback;
}
