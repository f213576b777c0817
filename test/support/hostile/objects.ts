import { pushModule } from "../../../oci/index.ts";
import type { KubeClient } from "./kube.ts";
import { HOSTILE_MODULES, hostileModule } from "./modules.ts";
import { again, type Orders, type Tally } from "./orders.ts";

const FILTERS = "/apis/weir.dev/v1alpha1/namespaces";
/** Filters of each attack that are there at once. */
const PLACES = 12;

/** New hostile modules, each in a filter of its own, and the oldest gone. */
export function shipModules(orders: Orders, kube: KubeClient, tally: Tally): Promise<never> {
  let number = Date.now();
  return again(tally, "hostile modules", 200, async () => {
    number += 1;
    const kind = HOSTILE_MODULES[number % HOSTILE_MODULES.length] ?? "";
    const image = `${orders.registry}/hostile/module:${number}`;
    const pushed = await pushModule(image, await hostileModule(kind, number), { keychain: new Map(), plainHttp: [orders.registry] });
    if (pushed.ok) await put(orders, kube, `module-${number % PLACES}`, { image, pullPolicy: "Always", interval: "1s" });
  });
}

/** Objects that are deep, wide, large or wrong. */
export function applyObjects(orders: Orders, kube: KubeClient, tally: Tally): Promise<never> {
  let number = 0;
  return again(tally, "hostile objects", 100, async () => {
    number += 1;
    const config = CONFIGS[number % CONFIGS.length]?.(number);
    await put(orders, kube, `object-${number % PLACES}`, { image: `${orders.registry}/hostile/none:${number}`, config });
  });
}

const CONFIGS: readonly ((number: number) => unknown)[] = [
  () => JSON.parse(`${'{"a":'.repeat(3_000)}1${"}".repeat(3_000)}`) as unknown,
  () => JSON.parse(`${"[".repeat(9_000)}${"]".repeat(9_000)}`) as unknown,
  (number) => "x".repeat(1_000_000) + number,
  (number) => Object.fromEntries(Array.from({ length: 40_000 }, (_, index) => [`k${index}-${number}`, index])),
  (number) => Array.from({ length: 100_000 }, (_, index) => index + number),
];

/** Sources that answer never, or elsewhere. */
export function pointElsewhere(orders: Orders, kube: KubeClient, tally: Tally): Promise<never> {
  let number = 0;
  return again(tally, "hostile sources", 300, async () => {
    number += 1;
    const url = [
      "http://127.0.0.1:1/",
      `http://127.0.0.1:${orders.httpPort}/api/v1/events`,
      "http://169.254.169.254/latest/",
      "http://[::1]:2/",
    ];
    await put(orders, kube, `source-${number % PLACES}`, { url: `${url[number % url.length]}${number}.wasm`, sha256: "0".repeat(64) });
  });
}

async function put({ namespace }: Orders, kube: KubeClient, name: string, spec: object): Promise<void> {
  const path = `${FILTERS}/${namespace}/wasmfilters`;
  await kube("DELETE", `${path}/${name}`);
  await kube("POST", path, { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace }, spec });
}
