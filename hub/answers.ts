import { createHash, type Hash } from "node:crypto";
import { Readable } from "node:stream";
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import type { Pause } from "../base/pause.ts";
import { printExactJson } from "../model/exact-json.ts";
import type { Result } from "../model/result.ts";

export interface HubEnv {
  readonly Bindings: HttpBindings;
  /** What a page's form sent: read before the request takes a place. */
  readonly Variables: { readonly form: Result<URLSearchParams> };
}

/** A request and what is needed to answer it. */
export type HubContext = Context<HubEnv>;

/** The address of who sent it. */
export function addressOf({ env }: HubContext): string {
  return env.incoming.socket.remoteAddress ?? "";
}

/** The host that it is for, in lower case. */
export function hostOf({ env }: HubContext): string {
  return env.incoming.headers.host?.toLowerCase() ?? "";
}

/** Whether it is for the API, and not for a page. */
export function isApi({ req }: HubContext): boolean {
  return req.path.startsWith("/api/");
}

/** Whether who sent it takes pages. */
export function isBrowser({ req }: HubContext): boolean {
  return req.header("accept")?.includes("text/html") === true;
}

export const TEXT = "text/plain; charset=utf-8";
export const JSON_TYPE = "application/json; charset=utf-8";

/** Larger documents go out as they are: compressing one would take more of the server than sending it. */
const MAX_COMPRESSED_BYTES = 8 * 1024 * 1024;

/** What a refusal is about, in one word that a program can compare. */
export type ErrorReason =
  | "BadRequest"
  | "Unauthorized"
  | "Forbidden"
  | "CrossOrigin"
  | "NotFound"
  | "MethodNotAllowed"
  | "MisdirectedRequest"
  | "InternalError"
  | "TooManyReaders"
  | "TooLarge"
  | "UnsupportedMediaType"
  | "Invalid"
  | "Conflict"
  | "TooManyAttempts"
  | "Busy";

/** Every refusal has this body. */
export interface ErrorBody {
  readonly error: { readonly status: number; readonly reason: ErrorReason; readonly message: string };
}

export function text(body: string, status = 200, type = TEXT): Response {
  return whole(body, status, { "content-type": type, "cache-control": "no-store" });
}

/** A document that a client may keep and ask about again: it carries an ETag. */
export function document(value: unknown): Response {
  const body = `${printExactJson(value)}\n`;
  return whole(body, 200, headersOf(createHash("sha256").update(body), body.length));
}

/** Bytes of a piece. */
const PIECE = 64 * 1024;

export interface LongDocument {
  readonly items: Iterable<unknown>;
  /** What stands before and behind the items; absent: they are an array. */
  readonly frame?: readonly [string, string];
  readonly pause: Pause;
  /** Whether nobody waits for it any more. */
  isGone(): boolean;
}

/** A `document` that is printed item by item with turns of the event loop for others in between: it may have a hundred megabytes. `undefined`: nobody waits for it any more. */
export async function longDocument({ items, frame = ["[", "]"], pause, isGone }: LongDocument): Promise<Response | undefined> {
  const pieces: Buffer[] = [];
  const hash = createHash("sha256");
  let size = 0;
  let text = frame[0];
  const end = () => {
    const piece = Buffer.from(text);
    hash.update(piece);
    size += piece.length;
    pieces.push(piece);
    text = "";
  };
  let isFirst = true;
  for (const item of items) {
    text += isFirst ? printExactJson(item) : `,${printExactJson(item)}`;
    isFirst = false;
    if (text.length >= PIECE) end();
    await pause();
    if (isGone()) return undefined;
  }
  text += `${frame[1]}\n`;
  end();
  return new Response(Readable.toWeb(Readable.from(pieces, { objectMode: false })), {
    headers: { ...headersOf(hash, size), "content-length": String(size) },
  });
}

function headersOf(hash: Hash, size: number): Readonly<Record<string, string>> {
  const cache = size > MAX_COMPRESSED_BYTES ? "private, no-cache, no-transform" : "private, no-cache";
  return { "content-type": JSON_TYPE, "cache-control": cache, etag: `"${hash.digest("base64url").slice(0, 27)}"` };
}

/** Where a browser goes on after a form. https://www.rfc-editor.org/rfc/rfc9110#section-15.4.4 */
export function seeOther(location: string, cookies: readonly string[] = []): Response {
  const headers = new Headers({ location, "cache-control": "no-store" });
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  return new Response(null, { status: 303, headers });
}

export function failure(status: number, reason: ErrorReason, message: string, headers: Readonly<Record<string, string>> = {}): Response {
  const body: ErrorBody = { error: { status, reason, message } };
  return whole(`${JSON.stringify(body)}\n`, status, { "content-type": JSON_TYPE, "cache-control": "no-store", ...headers });
}

/** The length is known, so an answer to HEAD can tell it. */
function whole(body: string, status: number, headers: Readonly<Record<string, string>>): Response {
  return new Response(body, { status, headers: { ...headers, "content-length": String(Buffer.byteLength(body)) } });
}
