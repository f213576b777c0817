import { readFile } from "node:fs/promises";
import { whyUnread } from "../../base/error.ts";
import { fieldsOf, isRecord } from "../../base/json.ts";
import { readText } from "../../base/read-text.ts";
import { clip, oneLine } from "../../base/text.ts";
import type { ProxyView } from "../../hub/index.ts";
import { parseExactJson, printExactJson } from "../../model/exact-json.ts";
import { type FilterKey, filterId, isSameFilter } from "../../model/filter.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { WasmPolicy } from "../../model/gen/wasmpolicy.ts";
import type { Fields } from "../../model/kube.ts";
import type { FilterPlan } from "../../model/plan.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import { usage } from "../args/usage.ts";
import { readPages } from "./pages.ts";

/** Reads what only a running server knows, from its API. */
export interface ServerClient {
  readonly url: string;
  filters(): Promise<Result<readonly WasmFilter[]>>;
  /** By name. */
  policies(): Promise<Result<readonly WasmPolicy[]>>;
  /** Those that are asked for, by id. */
  proxies(asked?: AskedProxies): Promise<Result<readonly ProxyView[]>>;
  /** Full records of a filter's revisions. */
  revisions(key: FilterKey): Promise<Result<readonly Revision[]>>;
  /** What applying these objects would do, in their order for the WasmFilters among them. */
  plan(objects: readonly Fields[]): Promise<Result<readonly FilterPlan[]>>;
}

/** What a proxy must have. */
export interface AskedProxies {
  readonly namespace?: string | undefined;
  /** A filter of its. */
  readonly filter?: FilterKey;
}

const TIMEOUT_MS = 10_000;
/** Modules are fetched and proved meanwhile; the server gives up earlier. */
const PLAN_MS = 150_000;
/** Ten thousand proxies with ten filters each need much less. */
const MAX_BYTES = 256 * 1024 * 1024;

export interface ServerOptions {
  /** File with the token of a reader, for a server that asks who reads. */
  readonly tokenFile?: string | undefined;
  /** Longest time of a call. */
  readonly timeoutMs?: number | undefined;
}

/** Reads `url` (`http://HOST:PORT`); anything else is wrong usage. Nothing is read or sent before the first call. */
export function createServerClient(url: string, { tokenFile, timeoutMs = TIMEOUT_MS }: ServerOptions = {}): Result<ServerClient> {
  const base = URL.parse(url);
  if (base === null || !/^https?:$/.test(base.protocol)) return usage(`--server is a URL such as http://127.0.0.1:18001, not "${url}"`);
  const read = async (path: string, longestMs = timeoutMs, sent?: object): Promise<Result<unknown>> => {
    const token = await readToken(tokenFile);
    return token.ok ? ask(base, path, token.value, longestMs, sent) : token;
  };
  return ok({
    url,
    async filters() {
      const items = await readPages("/api/v1/filters", {}, read);
      if (!items.ok) return items;
      return isArrayOf(items.value, isFilter) ? ok(items.value) : notWeir(base);
    },
    async policies() {
      const body = await read("/api/v1/policies");
      if (!body.ok) return body;
      const { items } = fieldsOf(body.value);
      return isArrayOf(items, isPolicy) ? ok(items) : notWeir(base);
    },
    async revisions({ namespace, name }) {
      const body = await read(`/api/v1/filters/${namespace}/${name}/revisions`);
      if (!body.ok) return body;
      return isArrayOf(body.value, isRevision) ? ok(body.value) : notWeir(base);
    },
    async plan(objects) {
      const body = await read("/api/v1/plan", PLAN_MS, { apiVersion: "v1", kind: "List", items: objects });
      if (!body.ok) return body;
      const { filters } = fieldsOf(body.value);
      return isArrayOf(filters, isPlan) ? ok(filters) : notWeir(base);
    },
    async proxies(asked = {}) {
      const items = await readPages("/api/v1/proxies", selectionOf(asked), read);
      if (!items.ok) return items;
      // A server of an earlier version tells of all.
      return isArrayOf(items.value, isProxy) ? ok(items.value.filter((proxy) => isAsked(proxy, asked))) : notWeir(base);
    },
  });
}

function selectionOf({ namespace, filter }: AskedProxies): Record<string, string> {
  return { ...(namespace === undefined ? {} : { namespace }), ...(filter === undefined ? {} : { filter: filterId(filter) }) };
}

function isAsked(proxy: ProxyView, { namespace, filter }: AskedProxies): boolean {
  if (namespace !== undefined && proxy.namespace !== namespace) return false;
  return filter === undefined || proxy.slots.some(({ filters }) => filters.some((view) => isSameFilter(view, filter)));
}

/** A token is one line. */
async function readToken(file: string | undefined): Promise<Result<string | undefined>> {
  if (file === undefined) return ok(undefined);
  try {
    const token = (await readFile(file, "utf8")).trim();
    return /^[\x21-\x7e]+$/.test(token) ? ok(token) : fail("TokenFile", `--token-file ${file} must hold one token and nothing else`);
  } catch (error) {
    return fail("TokenFile", `--token-file ${file} ${whyUnread(error)}`);
  }
}

/** `sent`: a document to POST; without one it is a GET. */
async function ask(base: URL, path: string, token: string | undefined, timeoutMs: number, sent?: object): Promise<Result<unknown>> {
  const url = new URL(`${base.pathname.replace(/\/$/, "")}${path}`, base);
  try {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const post = sent === undefined ? {} : { method: "POST", body: printExactJson(sent) };
    if (sent !== undefined) headers["content-type"] = "application/json";
    const response = await fetch(url, { headers, ...post, signal: AbortSignal.timeout(timeoutMs), redirect: "error" });
    if (!response.ok && sent !== undefined) return await refusal(response, url);
    if (!response.ok) {
      await response.body?.cancel();
      if (response.status === 401 || response.status === 403)
        return fail("ServerAnswer", `${base.origin} answers readers only; give the token of one with --token-file (or $WEIR_TOKEN_FILE)`);
      return fail(
        "ServerAnswer",
        `${url.href} answered ${response.status} ${response.statusText}; is --server (or WEIR_SERVER) the address of weir serve?`,
      );
    }
    const text = await bounded(response);
    return text === undefined ? fail("ServerAnswer", `${url.href} answered with more than ${MAX_BYTES} bytes`) : parse(text, base);
  } catch (error) {
    return failForNow(
      "ServerUnreachable",
      `no Weir answers at ${base.origin} (${cause(error)}); start \`weir serve\`, or name its address with --server or WEIR_SERVER; one in a cluster is reached by kubectl -n weir-system port-forward deploy/weir 18001`,
    );
  }
}

/** What a server says of a document that it did not take. */
async function refusal(response: Response, url: URL): Promise<Result<never>> {
  const { status } = response;
  if (status === 404 || status === 405) {
    await response.body?.cancel();
    return fail("ServerAnswer", `the Weir at ${url.origin} makes no plans; it is of an earlier version`);
  }
  const body = parse((await bounded(response)) ?? "", url);
  const error = body.ok && isRecord(body.value) ? body.value.error : undefined;
  const message = isRecord(error) && typeof error.message === "string" ? clip(oneLine(error.message), 2_000) : response.statusText;
  const how = status === 401 ? "; give its file with --token-file (or $WEIR_TOKEN_FILE)" : "";
  return fail("ServerAnswer", `${url.origin} answered ${status}: ${message}${how}`);
}

async function bounded({ body }: Response): Promise<string | undefined> {
  return body === null ? "" : readText(body, MAX_BYTES);
}

function parse(text: string, base: URL): Result<unknown> {
  try {
    return ok(parseExactJson(text));
  } catch {
    return notWeir(base);
  }
}

function notWeir(base: URL) {
  return fail("ServerAnswer", `the server at ${base.origin} is not a Weir of this version; check --server (or WEIR_SERVER)`);
}

/** Undici says "fetch failed" and hides the reason one level down. */
function cause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error.cause as { code?: string; message?: string } | undefined;
  return inner?.code ?? inner?.message ?? error.message;
}

function isArrayOf<T>(value: unknown, is: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every(is);
}

function isFilter(value: unknown): value is WasmFilter {
  return isRecord(value) && isRecord(value.metadata) && typeof value.metadata.name === "string" && isRecord(value.spec);
}

function isPolicy(value: unknown): value is WasmPolicy {
  return isRecord(value) && isRecord(value.metadata) && typeof value.metadata.name === "string";
}

function isRevision(value: unknown): value is Revision {
  return isRecord(value) && typeof value.number === "number" && isRecord(value.settings);
}

function isPlan(value: unknown): value is FilterPlan {
  if (!isRecord(value) || typeof value.namespace !== "string" || typeof value.name !== "string") return false;
  return typeof value.action === "string" && isArrayOf(value.object, isRecord) && isArrayOf(value.revision, isRecord);
}

function isProxy(value: unknown): value is ProxyView {
  if (!isRecord(value) || typeof value.id !== "string" || typeof value.namespace !== "string") return false;
  return isArrayOf(value.slots, (slot): slot is { filters: unknown[] } => isRecord(slot) && isArrayOf(slot.filters, isRecord));
}
