import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { COMPRESSIBLE_CONTENT_TYPE_REGEX } from "hono/utils/compress";
import type { Guard } from "./guard.ts";

/** Shorter answers would grow. */
const MIN_BYTES = 1024;

/** Brotli at its usual effort takes seconds for what gzip does in a blink; at this one it is as quick, and smaller. */
const QUICK = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

/** In the order of preference. */
const ENCODINGS = {
  br: (body: Buffer) => promisify(brotliCompress)(body, QUICK),
  gzip: (body: Buffer) => promisify(gzip)(body),
};

/**
 * Compresses answers for who takes that, in other threads. hono's own middleware knows no brotli. What is not to be transformed, and a stream without an end, go out as they are.
 */
export const compressed: Guard = async (context, next) => {
  await next();
  const { headers, status } = context.res;
  const isShort = Number(headers.get("content-length") ?? MIN_BYTES) < MIN_BYTES;
  if (isShort || headers.has("content-encoding") || !COMPRESSIBLE_CONTENT_TYPE_REGEX.test(headers.get("content-type") ?? "")) return;
  if (headers.get("cache-control")?.includes("no-transform") === true) return;
  headers.append("vary", "Accept-Encoding");
  const encoding = encodingFor(context);
  if (encoding === undefined || context.req.method === "HEAD") return;
  const kept = new Headers(headers);
  const body = await ENCODINGS[encoding](Buffer.from(await context.res.arrayBuffer()));
  kept.set("content-encoding", encoding);
  kept.set("content-length", String(body.byteLength));
  // The same document in other bytes: https://www.rfc-editor.org/rfc/rfc9110#section-8.8.1
  const etag = kept.get("etag");
  if (etag?.startsWith('"') === true) kept.set("etag", `W/${etag}`);
  // hono adds the headers of an answer that is replaced to those of the new one.
  context.res = undefined;
  context.res = new Response(body, { status, headers: kept });
};

type Encoding = keyof typeof ENCODINGS;
const NAMES = Object.keys(ENCODINGS) as Encoding[];

/** The one that the client wants most; of those that it wants alike the first. https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3 */
function encodingFor(context: Context): Encoding | undefined {
  const options = { header: "Accept-Encoding" as const, supports: NAMES, default: "identity" };
  const chosen = accepts(context, {
    ...options,
    match(accepted) {
      const weight = (name: string) =>
        accepted.find(({ type }) => type.toLowerCase() === name)?.q ?? accepted.find(({ type }) => type === "*")?.q ?? 0;
      const most = Math.max(...NAMES.map(weight));
      return (most > 0 ? NAMES.find((name) => weight(name) === most) : undefined) ?? options.default;
    },
  });
  return NAMES.find((name) => name === chosen);
}
