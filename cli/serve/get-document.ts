import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { createBrotliDecompress, createGunzip } from "node:zlib";
import { readText } from "../../base/read-text.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";

export interface Asked {
  readonly url: URL;
  readonly token: string | undefined;
  /** PEM; absent: what Node trusts. */
  readonly ca: string | undefined;
  /** Of the answer that is known. */
  readonly etag: string | undefined;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** `bytes`: of the document, unpacked. `undefined`: what is known is as it was. */
export type Answered = { readonly value: unknown; readonly bytes: number; readonly etag: string | undefined } | undefined;

/** Reads a JSON document, bounded in bytes once unpacked; the signal bounds its time. No redirect is followed. `NotFound`: there is none. */
export async function getDocument({ url, token, ca, etag, maxBytes, signal }: Asked): Promise<Result<Answered>> {
  const headers: Record<string, string> = { accept: "application/json", "accept-encoding": "br, gzip" };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (etag !== undefined) headers["if-none-match"] = etag;
  try {
    const answer = await ask(url, { headers, signal, ...(ca === undefined ? {} : { ca }) });
    const status = answer.statusCode ?? 0;
    if (status !== 200) answer.destroy();
    if (status === 304 && etag !== undefined) return ok(undefined);
    if (status === 401 || status === 403)
      return fail("Unauthorized", "it answers readers only; give the token of one with --other-token-file");
    if (status === 404) return fail("NotFound", "it has no such path");
    if (status !== 200) return failForNow("Answer", `it answered ${status}`);
    const text = await readText(unpacked(answer), maxBytes);
    answer.destroy();
    if (text === undefined) return fail("TooLarge", `it answered with more than ${maxBytes} bytes`);
    return ok({ value: JSON.parse(text) as unknown, bytes: Buffer.byteLength(text), etag: answer.headers.etag });
  } catch (error) {
    if (error instanceof SyntaxError) return fail("Answer", "its answer is no JSON; is this the address of a Weir?");
    if (signal.aborted) return failForNow("Timeout", "it did not answer in time");
    return failForNow("Unreachable", `it cannot be reached (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`);
  }
}

interface Options {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly ca?: string;
}

function ask(url: URL, { headers, signal, ...tls }: Options): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === "https:"
        ? requestHttps(url, { headers, signal, agent: false, ...tls })
        : requestHttp(url, { headers, signal, agent: false });
    request.once("response", resolve);
    request.on("error", reject);
    request.end();
  });
}

function unpacked(answer: IncomingMessage): AsyncIterable<Uint8Array> {
  const encoding = answer.headers["content-encoding"];
  if (encoding === undefined) return answer;
  const unpack = encoding === "br" ? createBrotliDecompress() : createGunzip();
  answer.on("error", (error) => unpack.destroy(error));
  return answer.pipe(unpack);
}
