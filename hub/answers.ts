import { createHash } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { printExactJson } from "../model/exact-json.ts";

/** A request and what is needed to answer it. */
export type HubContext = Context<{ Bindings: HttpBindings }>;

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
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 27)}"`;
  const cache = body.length > MAX_COMPRESSED_BYTES ? "private, no-cache, no-transform" : "private, no-cache";
  return whole(body, 200, { "content-type": JSON_TYPE, "cache-control": cache, etag });
}

export function failure(status: number, reason: ErrorReason, message: string, headers: Readonly<Record<string, string>> = {}): Response {
  const body: ErrorBody = { error: { status, reason, message } };
  return whole(`${JSON.stringify(body)}\n`, status, { "content-type": JSON_TYPE, "cache-control": "no-store", ...headers });
}

/** The length is known, so an answer to HEAD can tell it. */
function whole(body: string, status: number, headers: Readonly<Record<string, string>>): Response {
  return new Response(body, { status, headers: { ...headers, "content-length": String(Buffer.byteLength(body)) } });
}
