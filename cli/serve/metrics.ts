import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import {
  type Gauge as GaugeName,
  INJECTIONS,
  type Metrics,
  NACK_REASONS,
  PROVER_FAILURES,
  PUSH_TYPES,
  REFUSAL_REASONS,
  RETRIED,
  REVIEWS,
  TOLD_REASONS,
  type Work,
} from "../../model/metrics.ts";

/** The port `Metrics` on prom-client, with the registry that it writes to. */
export interface Prometheus {
  readonly metrics: Metrics;
  /** Of its own, never the library's global one: two servers in one process do not meet. */
  readonly registry: Registry;
}

const WORK_HELP: Readonly<Record<Work, string>> = {
  reconcile: "Time of one reconcile of a filter.",
  resolve: "Time to resolve a filter's references to digests, with pull and proof where needed.",
  pull: "Time to fetch a module that the store did not have.",
  prove: "Time to prove that a module loads.",
  token_review: "Time until the API server says whose a token is.",
  review: "Time to judge a WasmFilter before it is stored.",
};

const GAUGE_HELP: Readonly<Record<GaugeName, string>> = {
  proxies: "Proxies known, connected or lately lost.",
  streams: "Open discovery streams.",
  queue_depth: "Filters that wait for their reconcile.",
  store_bytes: "Bytes of modules on disk.",
};

/** From a memory lookup to a registry that hardly answers. */
const WORK_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Envoy compiles a module before it answers. */
const ACK_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Between looks at how late the event loop is. Each wakes the process: at the library's 10 ms that is most of what an idle server costs. */
const LAG_MS = 50;

export function createPrometheus(): Prometheus {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "weir_", eventLoopMonitoringPrecision: LAG_MS });
  const counters = createCounters(registry);
  const durations = createDurations(registry);
  const readers = createGauges(registry);
  const metrics: Metrics = {
    start(work) {
      const stop = durations.work[work].startTimer();
      return (outcome) => void stop({ outcome });
    },
    retried: (work) => counters.retries.inc({ work }),
    pushed: (type) => counters.pushes.inc({ type }),
    acknowledged: (type, seconds) => durations.acks.observe({ type }, seconds),
    rejected: (reason) => counters.nacks.inc({ reason }),
    refusedClient: (reason) => counters.refusals.inc({ reason }),
    letThrough: (reason) => counters.letThrough.inc({ reason }),
    proverFailed: (how) => counters.proverFailures.inc({ how }),
    reviewed: (outcome) => counters.reviews.inc({ outcome }),
    askedToInject: (outcome) => counters.injections.inc({ outcome }),
    storeDamaged: () => counters.damages.inc(),
    gauge: (name, read) => void readers.set(name, read),
  };
  return { metrics, registry };
}

function createCounters(registry: Registry) {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, label: L, values: readonly string[]) => {
    const made = new Counter({ name, help, registers, labelNames: [label] });
    // From the start at zero: a rate over the first event is then right.
    for (const value of values) made.inc({ [label]: value } as Record<L, string>, 0);
    return made;
  };
  return {
    pushes: counter("weir_pushes_total", "Responses sent to proxies.", "type", PUSH_TYPES),
    nacks: counter("weir_nacks_total", "Responses that proxies rejected.", "reason", NACK_REASONS),
    retries: counter("weir_retries_total", "Work tried again after it failed for now.", "work", RETRIED),
    refusals: counter("weir_refused_clients_total", "Clients of the xDS port that were cut off.", "reason", REFUSAL_REASONS),
    letThrough: counter(
      "weir_preflight_let_through_total",
      "Proofs that found a module to fail requests, where spec.preflight.traffic is Report.",
      "reason",
      TOLD_REASONS,
    ),
    proverFailures: counter("weir_prover_failures_total", "Proofs that the prover at --prover-socket did not end.", "how", PROVER_FAILURES),
    damages: new Counter({
      name: "weir_store_damaged_total",
      help: "Modules of the store whose files did not have their digest.",
      registers,
    }),
    injections: counter("weir_injections_total", "Calls of the webhook about pods.", "outcome", INJECTIONS),
    reviews: counter("weir_reviews_total", "Calls of the webhook about WasmFilters.", "outcome", REVIEWS),
  };
}

function createDurations(registry: Registry) {
  const registers = [registry];
  const work = (name: Work) =>
    new Histogram({
      name: `weir_${name}_duration_seconds`,
      help: WORK_HELP[name],
      registers,
      labelNames: ["outcome"],
      buckets: WORK_BUCKETS,
    });
  return {
    work: {
      reconcile: work("reconcile"),
      resolve: work("resolve"),
      pull: work("pull"),
      prove: work("prove"),
      token_review: work("token_review"),
      review: work("review"),
    },
    acks: new Histogram({
      name: "weir_push_ack_duration_seconds",
      help: "Time from sending a response to its acknowledgement.",
      registers,
      labelNames: ["type"],
      buckets: ACK_BUCKETS,
    }),
  };
}

type GaugeReader = Parameters<Metrics["gauge"]>[1];

/** A gauge is 0 until a room says where it is read. */
function createGauges(registry: Registry): Map<GaugeName, GaugeReader> {
  const readers = new Map<GaugeName, GaugeReader>();
  for (const [name, help] of Object.entries(GAUGE_HELP) as [GaugeName, string][]) {
    const gauge = new Gauge({
      name: `weir_${name}`,
      help,
      registers: [registry],
      async collect() {
        gauge.set((await readers.get(name)?.()) ?? 0);
      },
    });
  }
  return readers;
}
