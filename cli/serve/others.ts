import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { inBackground } from "../../base/boundary.ts";
import { whyUnread } from "../../base/error.ts";
import { fieldsOf, isRecord } from "../../base/json.ts";
import { type ClusterState, type FilterState, filterState, type OtherCluster, type Others, type Running } from "../../hub/index.ts";
import { isDigest } from "../../model/digest.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { getDocument } from "./get-document.ts";
import type { OtherChoice } from "./other-flags.ts";

const LIMITS = {
  /** Milliseconds for which what was told is as good as new. */
  freshMs: 5_000,
  /** Of one look. */
  lookMs: 10_000,
  /** For which a page waits for a Weir that was never asked. */
  firstMs: 1_000,
  documentBytes: 4 * 1024 * 1024,
  /** Filters of a page, and pages. */
  pageItems: 100,
  pages: 50,
};

/** Other Weirs' read APIs. They are asked when somebody looks, one look at a time each, and what did not change is not sent again. */
export function createOthers(choices: readonly OtherChoice[], now: () => number, limits: Partial<typeof LIMITS> = {}): Others {
  const all = choices.map((choice) => new Other(choice, now, { ...LIMITS, ...limits }));
  return {
    async take() {
      await Promise.all(all.map((other) => other.look()));
      return { clusters: all.map((other) => other.view()), isBehind: all.some((other) => other.isAsking()) };
    },
    close() {
      for (const other of all) other.close();
    },
  };
}

class Other {
  private readonly choice: OtherChoice;
  private readonly now: () => number;
  private readonly limits: typeof LIMITS;
  private readonly closed = new AbortController();
  /** By path: the answers that are known. */
  private known = new Map<string, { readonly etag: string | undefined; readonly value: unknown }>();
  private state: ClusterState | undefined;
  private trouble: string | undefined;
  private askedAt: number | undefined;
  private asking: Promise<void> | undefined;

  constructor(choice: OtherChoice, now: () => number, limits: typeof LIMITS) {
    this.choice = choice;
    this.now = now;
    this.limits = limits;
  }

  view(): OtherCluster {
    const { name, url } = this.choice;
    const state = this.state === undefined ? {} : { state: this.state };
    return { name, url: url.href, ...state, ...(this.trouble === undefined ? {} : { trouble: this.trouble }) };
  }

  isAsking(): boolean {
    return this.asking !== undefined;
  }

  close(): void {
    this.closed.abort();
  }

  /** Asks, if that is due. Waits only where nothing is known yet, and not long. */
  async look(): Promise<void> {
    const isFirst = this.askedAt === undefined;
    if (this.asking === undefined && (this.askedAt === undefined || this.now() - this.askedAt >= this.limits.freshMs)) {
      this.askedAt = this.now();
      this.asking = this.ask().finally(() => {
        this.asking = undefined;
      });
      inBackground(this.asking, () => {});
    }
    if (isFirst && this.asking !== undefined) await Promise.race([this.asking, sleep(this.limits.firstMs, undefined, { ref: false })]);
  }

  private async ask(): Promise<void> {
    const signal = AbortSignal.any([this.closed.signal, AbortSignal.timeout(this.limits.lookMs)]);
    const at = this.now();
    const read = await this.read(signal);
    this.trouble = read.ok ? undefined : read.error.message;
    if (read.ok) this.state = { at, ...read.value };
  }

  private async read(signal: AbortSignal): Promise<Result<Omit<ClusterState, "at">>> {
    const token = await readSecret(this.choice.tokenFile, "--other-token-file");
    if (!token.ok) return token;
    const ca = await readSecret(this.choice.caFile, "--other-ca-file");
    if (!ca.ok) return ca;
    const next = new Map<string, { etag: string | undefined; value: unknown }>();
    const get = async (path: string): Promise<Result<unknown>> => {
      const url = new URL(`${this.choice.url.pathname.replace(/\/$/, "")}${path}`, this.choice.url);
      const kept = this.known.get(path);
      const maxBytes = this.limits.documentBytes;
      const answer = await getDocument({ url, token: token.value, ca: ca.value, etag: kept?.etag, maxBytes, signal });
      if (!answer.ok) return answer;
      const { value, etag } = answer.value ?? { value: kept?.value, etag: kept?.etag };
      next.set(path, { etag, value });
      return ok(value);
    };
    const filters = await this.filters(get);
    if (!filters.ok) return filters;
    const running = await this.running(get);
    if (!running.ok) return running;
    this.known = next;
    return ok({ filters: filters.value, running: running.value });
  }

  private async filters(get: (path: string) => Promise<Result<unknown>>): Promise<Result<readonly FilterState[]>> {
    const found: FilterState[] = [];
    let more = "";
    for (let page = 0; page < this.limits.pages; page++) {
      const body = await get(`/api/v1/filters?limit=${this.limits.pageItems}${more}`);
      if (!body.ok) return body;
      const { items, metadata } = fieldsOf(body.value);
      if (!Array.isArray(items)) return fail("Answer", "its answer is no list of filters; is this the address of a Weir?");
      for (const item of items) if (isFilter(item)) found.push(filterState(item));
      const next = isRecord(metadata) ? metadata.continue : undefined;
      if (typeof next !== "string" || next === "") return ok(found);
      more = `&continue=${encodeURIComponent(next)}`;
    }
    return ok(found);
  }

  private async running(get: (path: string) => Promise<Result<unknown>>): Promise<Result<readonly Running[]>> {
    const body = await get("/api/v1/fleet?connected=true&groupBy=namespace,filter,digest,revision");
    // One of an earlier version counts nothing: its filters are compared by what they serve.
    if (!body.ok) return body.error.reason === "NotFound" ? ok([]) : body;
    const { groups } = fieldsOf(body.value);
    return ok(Array.isArray(groups) ? groups.filter(isRunning).filter(({ revision }) => revision > 0) : []);
  }
}

/** One line or a PEM; read anew each time, for it may have been changed. */
async function readSecret(file: string | undefined, flag: string): Promise<Result<string | undefined>> {
  if (file === undefined) return ok(undefined);
  try {
    return ok((await readFile(file, "utf8")).trim());
  } catch (error) {
    return fail("Unread", `${flag} ${file} ${whyUnread(error)}`);
  }
}

function isFilter(value: unknown): value is WasmFilter {
  if (!isRecord(value) || !isRecord(value.metadata)) return false;
  const { name, namespace } = value.metadata;
  const { history } = fieldsOf(value.status);
  return [name, namespace].every((text) => typeof text === "string" && text.length <= 253) && (history === undefined || isHistory(history));
}

function isHistory(history: unknown): boolean {
  return (
    Array.isArray(history) && history.every((item) => isRecord(item) && typeof item.image === "string" && isDigest(String(item.digest)))
  );
}

function isRunning(group: unknown): group is Running & { readonly revision: number } {
  if (!isRecord(group)) return false;
  const { namespace, filter, digest, revision, proxies } = group;
  const isNamed = [namespace, filter].every((text) => typeof text === "string" && text.length <= 600);
  return isNamed && isDigest(String(digest)) && Number.isSafeInteger(revision) && Number.isSafeInteger(proxies);
}
