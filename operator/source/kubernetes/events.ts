import { setBounded } from "../../../base/bounded-map.ts";
import { clip } from "../../../base/text.ts";
import { TokenBucket } from "../../../base/token-bucket.ts";
import type { Clock } from "../../../model/clock.ts";
import { type FilterKey, filterId } from "../../../model/filter.ts";
import { API_VERSION, KIND } from "../../../model/gen/wasmfilter.ts";
import { type KubeApi, MAX_EVENT_MESSAGE, newEvent, timestamp } from "../../../model/kube.ts";
import type { Log } from "../../../model/log.ts";
import type { FilterEvent } from "../source.ts";

/**
 * Writes Kubernetes Events, as `kubectl describe` shows them. A repeated event raises the count of the existing Event. Events are rate limited
 * per filter. Best effort: a failure is logged and dropped.
 */
export interface EventWriter {
  write(key: FilterKey, uid: string, event: FilterEvent): Promise<void>;
}

export interface EventWriterOptions {
  readonly api: KubeApi;
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1, for names. */
  readonly random: () => number;
}

/** For this long a repeated event raises the count of the existing Event. */
const SAME_MS = 10 * 60_000;
const MAX_REMEMBERED = 4_096;
/** Token bucket per filter: burst, and time to refill one token. */
const BURST = 25;
const REFILL_MS = 12_000;

interface Said {
  readonly name: string;
  readonly firstTimestamp: string;
  readonly at: number;
  count: number;
}

export function createEventWriter({ api, clock, log, random }: EventWriterOptions): EventWriter {
  const said = new Map<string, Said>();
  const budgets = new Map<string, TokenBucket>();

  function mayMake(uid: string): boolean {
    const budget = budgets.get(uid) ?? new TokenBucket(BURST, 1_000 / REFILL_MS);
    setBounded(budgets, uid, budget, MAX_REMEMBERED);
    return budget.take(clock.now());
  }

  async function countUp(key: FilterKey, before: Said): Promise<boolean> {
    before.count += 1;
    const patched = await api.request({
      method: "PATCH",
      path: `${collection(key)}/${before.name}`,
      contentType: "application/merge-patch+json",
      body: { count: before.count, lastTimestamp: timestamp(clock.now()) },
    });
    // An Event that is gone (they live for an hour) is made anew, which needs no word.
    if (!patched.ok && patched.error.status !== 404)
      log.warn("the count of an Event could not be raised", { filter: filterId(key), event: before.name, message: patched.error.message });
    return patched.ok;
  }

  async function make(key: FilterKey, uid: string, words: FilterEvent, identity: string): Promise<void> {
    const { namespace, name } = key;
    const time = timestamp(clock.now());
    const suffix = `${clock.now().toString(16)}${Math.floor(random() * 0xffff).toString(16)}`;
    const body = newEvent({ apiVersion: API_VERSION, kind: KIND, namespace, name, uid }, words, { suffix, time });
    const made = await api.request({ method: "POST", path: collection(key), body });
    if (made.ok) setBounded(said, identity, { name: body.metadata.name, firstTimestamp: time, at: clock.now(), count: 1 }, MAX_REMEMBERED);
    else log.warn("an Event could not be written", { filter: filterId(key), event: words.reason, message: made.error.message });
  }

  return {
    async write(key, uid, event) {
      const short = { ...event, message: clip(event.message, MAX_EVENT_MESSAGE) };
      const identity = JSON.stringify([uid, short.type, short.reason, short.message]);
      const before = said.get(identity);
      if (before !== undefined && clock.now() - before.at < SAME_MS && (await countUp(key, before))) return;
      if (mayMake(uid)) await make(key, uid, short, identity);
      else log.debug("too many Events; one left out", { filter: filterId(key), event: event.reason });
    },
  };
}

function collection({ namespace }: FilterKey): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`;
}
