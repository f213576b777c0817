import { randomBytes } from "node:crypto";
import { Notifier } from "../../base/notifier.ts";
import type { Clock } from "../../model/clock.ts";
import type { Fleet } from "../../model/delivery.ts";
import type { Digest } from "../../model/digest.ts";
import { type Log, silentLog } from "../../model/log.ts";
import type { Cache } from "../protocol/cache.ts";
import { typeUrls } from "../protocol/resource.ts";
import type { RejectedVersion } from "../protocol/subscription.ts";
import type { Report } from "../services/metrics.ts";
import type { StreamObserver } from "../stream/observer.ts";
import { createAnswerLog } from "./answer-log.ts";
import { FleetAssigner } from "./assigner.ts";
import { FleetObserver } from "./observer.ts";
import { createOffers } from "./offers.ts";
import { Proxies } from "./proxies.ts";
import { Pulses } from "./pulses.ts";
import { createProxyStats, ownOf } from "./stats.ts";

export interface FleetOptions {
  readonly cache: Cache;
  readonly clock: Clock;
  readonly log?: Log;
  /** Differs from server to server. Default: random. */
  readonly epoch?: string;
}

export interface FleetCore {
  readonly fleet: Fleet;
  readonly observer: StreamObserver;
  /** Takes in statistics that a proxy streamed. They are dropped when they come on another connection than that of its oldest open stream. */
  reportStats(report: Report): void;
  /** The rejection of what a proxy is meant to hold under this name, also when it came on an earlier stream. */
  rejectionOf(key: string, typeUrl: string, name: string): RejectedVersion | undefined;
  /** Proxies known, connected or not. */
  known(): number;
}

/** The fleet: which proxies are connected, what each should hold, and what it answered. It fills the cache; the streams send what is in the cache. */
export function createFleet({ cache, clock, log = silentLog, epoch = randomBytes(6).toString("hex") }: FleetOptions): FleetCore {
  const proxies = new Proxies();
  const offers = createOffers(epoch);
  const missing = new Notifier<Digest>();
  const pulses = new Pulses(proxies, clock);
  const answers = createAnswerLog(log);
  const assigner = new FleetAssigner({ proxies, cache, offers, answers, clock, missing });
  return {
    fleet: {
      proxies: () => proxies.proxies(),
      proxy: (key) => proxies.proxy(key),
      health: (key) => proxies.health(key),
      onChange: (listener) => proxies.onChange(listener),
      assign: (key, slots) => assigner.assign(key, slots),
      forget: (key) => assigner.forget(key),
      onMissing: (listener) => assigner.onMissing(listener),
    },
    observer: new FleetObserver({ proxies, cache, offers, answers, clock, pulses, missing }),
    reportStats({ key, connection, streamId, families }) {
      const record = proxies.get(key);
      const [eldest] = record?.streams.values() ?? [];
      if (record === undefined) return;
      if (eldest?.connection !== connection) return pulses.heardElsewhere(record);
      if (record.statsFrom !== streamId || record.stats === undefined) record.stats = createProxyStats();
      record.statsFrom = streamId;
      record.stats.take(ownOf(record, families), clock.now());
      pulses.heard(record, connection);
    },
    rejectionOf(key, typeUrl, name) {
      const ledger = typeUrl === typeUrls.extensionConfig ? proxies.get(key)?.ledgers.get(name) : undefined;
      const rejection = ledger?.rejection;
      return rejection && { version: ledger?.desired?.resource.version ?? "", message: rejection.message, at: rejection.at };
    },
    known: () => proxies.size,
  };
}
