import assert from "node:assert/strict";
import { median } from "../../bench/processes.ts";
import type { PluginSettings } from "../../model/settings.ts";
import { createExaminer } from "../../preflight/index.ts";
import { type Judge, plainSettings } from "./judge.ts";

const SMALL_MS = 20;
/** How often a load of so many milliseconds is measured. What else a machine does is a good part of a few milliseconds, and a smaller part of a second. */
const timesFor = (ms: number): number => (ms < SMALL_MS ? 15 : ms < 500 ? 5 : 2);

export interface Load {
  /** CPU milliseconds that Weir tells. */
  readonly told: number;
  /** CPU milliseconds of Envoy. */
  readonly took: number;
}

/** What a module takes to load: one after the other, since the time of a shared processor is not only one's own. Throws when it does not load. */
export async function measureLoad(judge: Judge, code: Uint8Array, settings: PluginSettings = plainSettings): Promise<Load> {
  const [load = { told: Number.NaN, took: Number.NaN }] = await measureLoads(judge, [code], settings);
  return load;
}

/** As `measureLoad`, of several modules in turns: what the machine does besides, it does to all of them. The first says how often. */
export async function measureLoads(judge: Judge, codes: readonly Uint8Array[], settings: PluginSettings = plainSettings): Promise<Load[]> {
  const measured = codes.map(() => ({ told: [] as number[], took: [] as number[] }));
  const [first] = measured;
  if (first === undefined) return [];
  do {
    for (const [index, code] of codes.entries()) {
      const copy = copyOf(code, first.took.length);
      const ours = await createExaminer().examine(copy, settings);
      assert.ok(ours.ok);
      const { load, loadCpuMs, log } = await judge.judge(copy, settings);
      assert.equal(load, "accepted", log);
      measured[index]?.told.push(ours.value.loadMs ?? Number.NaN);
      measured[index]?.took.push(loadCpuMs);
    }
  } while (first.took.length < timesFor(Math.min(...first.took)));
  // Of a small load the median: in turns, the neighbours are the same for all. Of a large one the least: they only ever add to its CPU time.
  const of = Math.min(...first.took) < SMALL_MS ? median : (values: readonly number[]) => Math.min(...values);
  return measured.map(({ told, took }) => ({ told: of(told), took: of(took) }));
}

/** The same code in other bytes (a custom section more): neither Envoy nor the prover has it from before. */
function copyOf(code: Uint8Array, index: number): Uint8Array {
  return Buffer.concat([code, Buffer.from([0, 3, 1, 0x77, index])]);
}
