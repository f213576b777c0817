import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { inBackground } from "../../base/boundary.ts";
import { whyUnread } from "../../base/error.ts";
import type { ClusterState, FilterState, OtherCluster, Others, Running } from "../../hub/index.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { getDocument } from "./get-document.ts";
import { type OtherAnswer, readFilterPage, readGroups } from "./other-answers.ts";
import type { OtherChoice } from "./other-flags.ts";

const LIMITS = {
  /** Milliseconds for which what was told is as good as new. */
  freshMs: 5_000,
  /** Of one look. */
  lookMs: 10_000,
  /** For which a page waits for a Weir that was never asked. */
  firstMs: 1_000,
  documentBytes: 4 * 1024 * 1024,
  /** Of all documents of one look. */
  lookBytes: 16 * 1024 * 1024,
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
  /** By path: what is known of the answers. */
  private known: ReadonlyMap<string, Kept> = new Map();
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
    const { documentBytes, lookBytes } = this.limits;
    const next = new Map<string, Kept>();
    let left = lookBytes;
    const get: Get = async (path, read) => {
      const url = new URL(`${this.choice.url.pathname.replace(/\/$/, "")}${path}`, this.choice.url);
      const kept = this.known.get(path);
      const maxBytes = Math.min(documentBytes, left);
      const got = await getDocument({ url, token: token.value, ca: ca.value, etag: kept?.etag, maxBytes, signal });
      if (!got.ok) return got.error.reason === "TooLarge" && left < documentBytes ? tooMuch(lookBytes) : got;
      left -= got.value?.bytes ?? 0;
      const answer = got.value === undefined && kept !== undefined ? ok(kept.answer) : read(got.value?.value);
      if (answer.ok) next.set(path, { etag: got.value?.etag ?? kept?.etag, answer: answer.value });
      return answer;
    };
    const told = await this.told(get);
    // After a look that failed too: the next one is told of what this one had in a word, and comes further.
    if (next.size > 0) this.known = next;
    return told;
  }

  private async told(get: Get): Promise<Result<Omit<ClusterState, "at">>> {
    const filters = await this.filters(get);
    if (!filters.ok) return filters;
    const running = await this.running(get);
    return running.ok ? ok({ filters: filters.value, running: running.value }) : running;
  }

  private async filters(get: Get): Promise<Result<readonly FilterState[]>> {
    const { pageItems, pages } = this.limits;
    const found: FilterState[] = [];
    let more = "";
    for (let page = 0; page < pages; page++) {
      // One of an earlier version knows no pages: the first has all.
      const most = pages * pageItems - found.length;
      const answer = await get(`/api/v1/filters?limit=${pageItems}${more}`, (body) => readFilterPage(body, most));
      if (!answer.ok) return answer;
      found.push(...answer.value.filters);
      const { next } = answer.value;
      if (next === undefined || found.length >= pages * pageItems) return ok(found);
      more = `&continue=${encodeURIComponent(next)}`;
    }
    return ok(found);
  }

  private async running(get: Get): Promise<Result<readonly Running[]>> {
    const answer = await get("/api/v1/fleet?connected=true&groupBy=namespace,filter,digest,revision", readGroups);
    // One of an earlier version counts nothing: its filters are compared by what they serve.
    if (!answer.ok) return answer.error.reason === "NotFound" ? ok([]) : answer;
    return ok(answer.value.running);
  }
}

/** Asks for a document, and keeps what `read` gives of it. */
type Get = (path: string, read: (body: unknown) => Result<OtherAnswer>) => Promise<Result<OtherAnswer>>;

interface Kept {
  readonly etag: string | undefined;
  readonly answer: OtherAnswer;
}

function tooMuch(bytes: number): Result<never> {
  return fail("TooLarge", `it answered one look with more than ${bytes} bytes; the next look goes on from there`);
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
