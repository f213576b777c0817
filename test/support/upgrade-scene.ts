import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import type { WasmFilterSpec } from "../../model/gen/wasmfilter.ts";
import type { DeltaProxyOptions } from "./delta-proxy.ts";
import { assemble } from "./wat.ts";

/** Namespace of everything here. */
export const NAMESPACE = "shop";
export const MODULES = ["one", "two", "network"] as const;

/** The module whose text the fixture holds: the same bytes each time, so that their digests are those of the records. */
export async function moduleOf(fixture: string, name: string): Promise<Uint8Array> {
  return assemble(await readFile(join(fixture, `${name}.wat`), "utf8"));
}

/** Puts a module into the store of a data folder, beside the records of images that lead to it. */
export async function storeModule(data: string, module: Uint8Array): Promise<void> {
  const folder = join(data, "modules/blobs/sha256");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, createHash("sha256").update(module).digest("hex")), module);
}

/** One state of the desired state: object name -> spec, annotations, or data of a Secret or ConfigMap. */
export interface Step {
  readonly filters: Readonly<Record<string, WasmFilterSpec>>;
  /** Filter -> revision to abort. */
  readonly abort?: Readonly<Record<string, string>>;
  /** `data` of the Secret and the ConfigMap, both named `texts`. */
  readonly texts?: { readonly secret: string; readonly configMap: string };
}

/** Where the modules are. */
export interface Images {
  /** `HOST:PORT` of the registry that has the modules as `filters/NAME:1`. */
  readonly registry: string;
  /** Digest of the image of module `one`. */
  readonly pin: string;
  /** Where module `one` is without a registry, and its digest. */
  readonly url: string;
  readonly sha256: string;
}

/**
 * What is recorded of a Weir, step by step: every source of configuration, every setting at its default and away from it, several revisions,
 * and each way in which a rollout can end or stand.
 */
export function stepsOf({ registry, pin, url, sha256 }: Images): readonly Step[] {
  const image = (name: string) => `${registry}/filters/${name}`;
  const halves = { steps: [{ percent: 50, pause: true }, { percent: 100 }] };
  const everything: WasmFilterSpec = {
    image: image("one:1"),
    type: "HTTP",
    slot: "edge",
    priority: 7,
    rootId: "root",
    failurePolicy: "Open",
    config: { text: 'ä "quoted"', list: [1, 2.5, null, true], nested: { z: 1, a: 2 } },
    env: [
      { name: "B", value: "2" },
      { name: "A", value: "" },
    ],
    capabilities: { allow: ["proxy_log", "proxy_add_header_map_value", "proxy_on_request_headers"] },
    selector: { matchLabels: { app: "web" }, matchExpressions: [{ key: "app", operator: "Exists" }] },
    rollout: { steps: [{ percent: 50, hold: "1s" }, { percent: 100 }], progressDeadline: "5m", autoRollback: false },
    revisionHistoryLimit: 3,
  };
  const first: Record<string, WasmFilterSpec> = {
    defaults: { image: image("one:1") },
    inline: { image: image("one:1"), config: { a: 1, b: "x" } },
    secret: { image: image("one:1"), configFrom: { secretKeyRef: { name: "texts", key: "text" } } },
    configmap: { image: image("one:1"), configFrom: { configMapKeyRef: { name: "texts", key: "text" } } },
    env: { image: image("one:1"), env: [{ name: "MODE", value: "strict" }] },
    capabilities: { image: image("two:1"), capabilities: { allow: ["proxy_log"] } },
    "by-url": { url, sha256, config: "plain text" },
    network: { image: image("network:1"), type: "Network", slot: "tcp", failurePolicy: "Closed" },
    everything,
    refused: { image: image("one:1"), slot: "risky" },
    aborted: { image: image("one:1"), priority: -3 },
    pinned: { image: image("one:1") },
    halfway: { image: image("one:1") },
    ended: { image: image("one:1"), config: "1", suspend: false },
  };
  const second: Record<string, WasmFilterSpec> = {
    ...first,
    inline: { image: image("one:1"), config: { b: "x", a: 1 } },
    everything: { ...everything, image: image("two:1") },
    refused: { image: image("two:1"), slot: "risky" },
    aborted: { ...first.aborted, config: "new", rollout: halves },
    pinned: { image: image("two:1") },
    halfway: { image: image("two:1"), rollout: halves },
    ended: { image: image("one:1"), config: "2" },
  };
  const third: Record<string, WasmFilterSpec> = {
    ...second,
    inline: { image: image("two:1"), config: "a text" },
    ended: { image: image("one:1"), config: "1" },
    pinned: { image: image("two:1"), digest: pin },
  };
  return [
    { filters: first, texts: { secret: "hunter2", configMap: "from a map" } },
    { filters: second, texts: { secret: "hunter3", configMap: "from another map" } },
    { filters: third, abort: { aborted: "2" } },
  ];
}

/** The proxies that connect: three of today, one that is older than filter_chain. */
export function proxiesOf(filters: Iterable<string>): readonly DeltaProxyOptions[] {
  const network = `weir/tcp/${NAMESPACE}/network`;
  const chains = ["weir/default", "weir/edge", "weir/risky", network];
  const single = [...filters].map(
    (name) => `weir/${{ everything: "edge", refused: "risky", network: "tcp" }[name] ?? "default"}/${NAMESPACE}/${name}`,
  );
  const common = { namespace: NAMESPACE, labels: { app: "web" } };
  return [
    ...["web-1", "web-2", "web-3"].map((id) => ({ ...common, id, filterChain: true, names: chains })),
    { ...common, id: "old-1", filterChain: false, names: single },
  ];
}

/** One object of a step as a manifest. */
export function manifestsOf(
  { filters, abort = {}, texts }: Step,
  generations: Readonly<Record<string, number>>,
): ReadonlyMap<string, string> {
  const manifests = new Map<string, string>();
  for (const [name, spec] of Object.entries(filters)) {
    const revision = abort[name];
    const annotations = revision === undefined ? {} : { annotations: { "weir.dev/rollout-abort": `${revision}@${generations[name]}` } };
    manifests.set(
      name,
      stringify({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace: NAMESPACE, ...annotations }, spec }),
    );
  }
  if (texts !== undefined) {
    const metadata = { name: "texts", namespace: NAMESPACE };
    manifests.set("texts-secret", stringify({ apiVersion: "v1", kind: "Secret", metadata, stringData: { text: texts.secret } }));
    manifests.set("texts-map", stringify({ apiVersion: "v1", kind: "ConfigMap", metadata, data: { text: texts.configMap } }));
  }
  return manifests;
}
