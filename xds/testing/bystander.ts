import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { typeUrls } from "../protocol/resource.ts";
import { resourceOf, type StartedDiscovery } from "./discovery.ts";

const ECDS = typeUrls.extensionConfig;
export const MIB = 1024 * 1024;

setFlagsFromString("--expose_gc");
const gc: () => void = runInNewContext("gc");

/** Bytes in use after a collection: the heap and what buffers hold. */
export function memory(): number {
  // Buffers go with the second.
  gc();
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A client that must not notice anything. Call the result to see that it gets a change at once; it reports how long that took. */
export async function bystander({ cache, connect }: StartedDiscovery): Promise<() => Promise<number>> {
  cache.put("/bystander", resourceOf(ECDS, "a", "0"));
  const client = connect({ variant: "delta", node: { id: "bystander" } });
  client.subscribe(ECDS, ["a"]);
  client.ack(await client.next());
  let version = 0;
  return async () => {
    version += 1;
    const began = performance.now();
    cache.put("/bystander", resourceOf(ECDS, "a", String(version)));
    const response = await client.next();
    assert.equal(response.version, String(version));
    client.ack(response);
    return performance.now() - began;
  };
}

export const ms = (value: number) => `${value.toFixed(1)} ms`;
export const mib = (bytes: number) => `${(bytes / MIB).toFixed(1)} MiB`;
