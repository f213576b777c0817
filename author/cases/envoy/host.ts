import type { FoundEnvoy } from "../../envoy/index.ts";
import { type CalloutRule, isRefusal } from "../callout.ts";
import type { Setup, Step } from "../case.ts";
import type { CaseHost } from "../observed.ts";
import { mixedRefusals } from "./callouts.ts";
import { FILTER_NAME } from "./config.ts";
import { type CaseEnvoy, EnvoyFailure } from "./envoy.ts";
import { EnvoyFilter } from "./filter.ts";
import { readMetrics } from "./metrics.ts";
import { startCaseEnvoy } from "./start.ts";

/** Longest time that a case may let pass in a real Envoy, in milliseconds. */
const MAX_WAIT = 10_000;

/** A real Envoy in which cases of any modules run. It is started with the first of them, and again after one that ended it. */
export class EnvoyHosts {
  private readonly found: FoundEnvoy;
  private readonly signal: AbortSignal | undefined;
  private current: CaseEnvoy | undefined;
  private cases = 0;

  constructor(found: FoundEnvoy, signal?: AbortSignal) {
    this.found = found;
    this.signal = signal;
  }

  /** The place where cases of this module run. */
  of(module: Uint8Array): CaseHost {
    return {
      name: `Envoy ${this.found.version}`,
      cannot,
      start: async (setup, callouts) => {
        const envoy = await this.ensure();
        this.cases += 1;
        const loading = { vmId: `case-${this.cases}`, module, setup, callouts };
        return envoy.during(() => load(envoy, loading));
      },
    };
  }

  /** Of the Envoy that runs. */
  get pid(): number | undefined {
    return this.current?.parts.running.pid;
  }

  async stop(): Promise<void> {
    const { current } = this;
    this.current = undefined;
    await current?.stop();
  }

  private async ensure(): Promise<CaseEnvoy> {
    if (this.current?.hasEnded === false) return this.current;
    // What served the one that ended.
    await this.stop();
    const started = await startCaseEnvoy(this.found, this.signal);
    if (!started.ok) throw new EnvoyFailure(started.error.message);
    this.current = started.value;
    return started.value;
  }
}

interface Loading {
  readonly vmId: string;
  readonly module: Uint8Array;
  readonly setup: Setup;
  readonly callouts: readonly CalloutRule[];
}

async function load(envoy: CaseEnvoy, { vmId, module, setup, callouts }: Loading): Promise<EnvoyFilter> {
  const { journal, running } = envoy.parts;
  await envoy.useClusters(await envoy.callouts.use(callouts));
  const metrics = await readMetrics(running);
  const from = journal.lines.length;
  const isAccepted = await envoy.load(vmId, module, setup);
  await envoy.settle();
  // A root context's lines begin without the filter's name, those of a stream with it.
  const own = [setup.rootId, vmId].filter((part) => part !== "").join(" ");
  const prefixes = [`wasm log ${own}: `, `wasm log ${FILTER_NAME} ${own}: `];
  const refused = isAccepted ? undefined : "Envoy refuses it";
  return EnvoyFilter.of({ envoy, prefixes, refused, metrics, patience: setup.patience, from });
}

/** Time passes in a real Envoy as it does. */
function cannot(setup: Setup, steps: readonly Step[], callouts: readonly CalloutRule[]): string | undefined {
  if (setup.clock !== undefined) return "it sets the clock";
  const wait = steps.reduce((sum, step) => sum + (step.kind === "advance" ? step.ms : 0), 0);
  if (wait > MAX_WAIT) return `it lets ${Math.round(wait / 1000)} s pass`;
  const shares = steps.find(({ kind }) => kind === "sharedData" || kind === "queue");
  if (shares !== undefined || steps.some(({ expect }) => expect.sharedData !== undefined)) return "it looks into shared data from outside";
  const unheard = steps.some(({ expect }) => expect.callouts !== undefined) && callouts.some(isRefusal);
  if (unheard) return "it looks at calls that nobody hears";
  const mixed = mixedRefusals(callouts);
  return mixed === undefined ? undefined : `cluster ${mixed} refuses some of its calls`;
}
