import type { ProxyFilterView, ProxyView } from "../../hub/index.ts";
import type { Digest } from "../../model/digest.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { Revision } from "../../model/revision.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";

/** The time in these tests. */
export const NOW = Date.parse("2026-03-01T12:00:00Z");

export function ago(seconds: number): string {
  return new Date(NOW - seconds * 1000).toISOString();
}

/** A digest that begins with `start`. */
export function digest(start: string): Digest {
  return `sha256:${start.padEnd(64, "0")}`;
}

/** A filter in the second of three waves; one proxy rejected it. */
export const rolling: WasmFilter = {
  apiVersion: "weir.dev/v1alpha1",
  kind: "WasmFilter",
  metadata: { name: "add-header", namespace: "shop", uid: "u", generation: 7, creationTimestamp: ago(86_400) },
  spec: {
    image: "registry.example/filters/add-header:1.2",
    priority: 5,
    selector: { matchLabels: { app: "web" } },
    rollout: { steps: [{ percent: 10, hold: "30s" }, { percent: 50, hold: "1m" }, { percent: 100 }], progressDeadline: "10m" },
  },
  status: {
    observedGeneration: 7,
    digest: digest("3f2a9c01d2e4"),
    wasmDigest: digest("99aa88bb77cc"),
    revision: 4,
    stableRevision: 3,
    proxies: { matched: 40, updated: 12, rejected: 1, pending: 27 },
    rejections: [{ proxy: "web-3", message: "Unable to create Wasm plugin\nshop/add-header" }],
    rollout: {
      state: "Progressing",
      step: 2,
      steps: 3,
      percent: 50,
      startTime: ago(120),
      stepTime: ago(60),
      message: "waits for the proxies of this wave",
    },
    history: [
      item(4, "aaaa11112222", "Progressing", 120),
      item(3, "3f2a9c01d2e4", "Succeeded", 7_200),
      { ...item(2, "bbbb33334444", "RolledBack", 10_000), message: "Rejected: web-1 refused it" },
      item(1, "3f2a9c01d2e4", "Succeeded", 86_400),
    ],
    conditions: [
      { type: "Accepted", status: "True", reason: "Accepted", message: "the spec is valid", lastTransitionTime: ago(86_400) },
      {
        type: "Ready",
        status: "False",
        reason: "WaveInProgress",
        message: "revision 4, wave 2: 12 of 40 proxies acknowledged",
        lastTransitionTime: ago(120),
      },
    ],
  },
};

/** The same filter after a successful rollout. */
export const settled: WasmFilter = {
  ...rolling,
  metadata: { ...rolling.metadata, name: "limit", creationTimestamp: ago(600) },
  status: {
    ...rolling.status,
    revision: 3,
    proxies: { matched: 40, updated: 40, rejected: 0, pending: 0 },
    rejections: [],
    rollout: { state: "Succeeded", step: 3, steps: 3, percent: 100, startTime: ago(7_200) },
    history: (rolling.status?.history ?? []).slice(1),
    conditions: [{ type: "Ready", status: "True", reason: "Ready", message: "revision 3", lastTransitionTime: ago(7_000) }],
  },
};

type Item = NonNullable<NonNullable<WasmFilter["status"]>["history"]>[number];

function item(revision: number, start: string, result: Item["result"], seconds: number): Item {
  return {
    revision,
    digest: digest(start),
    wasmDigest: digest(`${start}ff`),
    image: `registry.example/filters/add-header:1.${revision}`,
    time: ago(seconds),
    result,
  };
}

export function revision(number: number, start: string, settings: Partial<Revision["settings"]> = {}): Revision {
  const all: Revision["settings"] = {
    ...DEFAULT_SETTINGS,
    ...settings,
  };
  return {
    number,
    image: `registry.example/filters/add-header:1.${number}`,
    digest: digest(start),
    wasmDigest: digest(`${start}ff`),
    settings: all,
    capabilities: [],
    hash: `${start} ${JSON.stringify(all)}`,
    time: ago(60),
  };
}

export function proxy(id: string, filters: readonly Partial<ProxyFilterView>[], connected = true): ProxyView {
  const whole = filters.map((filter) => ({
    namespace: "shop",
    name: "add-header",
    revision: 4,
    digest: digest("aaaa11112222"),
    wasmDigest: digest("cc"),
    state: "updated" as const,
    message: "",
    ...filter,
  }));
  return { id, namespace: "shop", labels: { app: "web" }, connected, slots: [{ name: "default", filters: whole }] };
}
