import assert from "node:assert/strict";
import { test } from "node:test";
import { startCpuTime } from "../../base/cpu-time.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { FILTER } from "../testing/scene.ts";
import { runCounts, runsOf, usageOf, verdictOf } from "./catalog.ts";

const digestOf = (number: number) => `sha256:${number.toString(16).padStart(64, "0")}` as const;
const item = (revision: number, image: string, digest = digestOf(revision)) => ({
  ...{ revision, image, digest, wasmDigest: digest },
  ...{ time: `2026-01-01T00:00:0${revision % 10}Z`, result: "Succeeded" as const },
});
const had = (name: string, image: string, history: ReturnType<typeof item>[]): WasmFilter => ({
  ...FILTER,
  metadata: { namespace: "shop", name },
  spec: { ...FILTER.spec, image },
  status: { history },
});

test("a reference that many filters have is read once", () => {
  let asked = 0;
  const repositoryOf = (image: string) => {
    asked += 1;
    return image.slice(0, image.lastIndexOf(":"));
  };
  const history = [item(2, "r.example/f:2"), item(1, "r.example/f:1")];
  const usage = usageOf([had("a", "r.example/f:2", history), had("b", "r.example/f:2", history)], repositoryOf);
  assert.deepEqual([usage.get("r.example/f")?.uses.length, usage.get("r.example/f")?.had.length, asked], [2, 4, 2]);
});

test("an index of very many manifests among the filters of a large fleet takes no long look", () => {
  const manifests = Array.from({ length: 40_000 }, (_, number) => digestOf(number));
  const history = Array.from({ length: 10 }, (_, number) => item(number, "r.example/f:1", digestOf(50_000 + number)));
  const filters = Array.from({ length: 2_000 }, (_, number) => had(`f-${number}`, "r.example/f:1", history));
  const groups = filters.map(({ metadata: { name } }, number) => ({
    ...{ filter: `shop/${name}`, revision: 1, digest: digestOf(number), wasmDigest: digestOf(number) },
    ...{ standing: number % 2 === 0 ? ("ok" as const) : ("lost" as const), message: "", count: 3 },
  }));
  const taken = startCpuTime();
  assert.equal(verdictOf(manifests, filters).state, "unknown");
  const fleet = { at: 0, proxies: [], counts: { rejected: 0, lost: 0, pending: 0, ok: 0 }, groups, byNamespace: [] };
  assert.equal(runsOf(manifests, runCounts(fleet)), 3_000);
  // One by one it is seconds.
  const ms = taken();
  assert.ok(ms < 1_000, `${ms} ms of CPU`);
});
