import type { TestContext } from "node:test";
import { silentLog } from "../../model/log.ts";
import { createCache } from "../cache.ts";
import { createDiscovery } from "../discovery.ts";
import { type Resource, typeUrls } from "../resource.ts";
import { any, field, join } from "../resources/wire.ts";
import { createGrpcServer } from "../server.ts";
import type { StreamObserver } from "../stream.ts";
import { connect, type TestClient, type TestClientOptions, type Variant } from "./client.ts";

/** One way to speak xDS about one type. */
export interface Way {
  readonly name: string;
  readonly variant: Variant;
  readonly typeUrl: string;
  /** Set on a separate service. */
  readonly separate?: string;
}

/** Every variant, aggregated and separate, for every type. */
export const variants: readonly Way[] = Object.entries(typeUrls).flatMap(([type, typeUrl]) =>
  (["sotw", "delta"] as const).flatMap((variant) => [
    { name: `${type}, ${variant}, aggregated`, variant, typeUrl },
    { name: `${type}, ${variant}, separate`, variant, typeUrl, separate: typeUrl },
  ]),
);

/** A resource that is nothing but its name and some content. Same version, same bytes. */
export function resourceOf(typeUrl: string, name: string, version: string, size = 0): Resource {
  const message = [...field(1, [Buffer.from(name)]), ...field(1000, [Buffer.from(version)]), ...field(1001, [Buffer.alloc(size)])];
  return { typeUrl, name, version, any: join(any(typeUrl, message)) };
}

const ignore: StreamObserver = { opened() {}, subscribed() {}, answered() {}, settled() {}, closed() {} };

/** A discovery server on a free port over an empty cache, gone when the test is. */
export async function startDiscovery(
  t: TestContext,
  {
    observer = ignore,
    names = 10_000,
    maxRequestSize = 4 * 1024 * 1024,
  }: { observer?: StreamObserver; names?: number; maxRequestSize?: number } = {},
) {
  const cache = createCache();
  const discovery = createDiscovery(cache, observer, { names, types: 32 });
  const server = createGrpcServer({ address: "127.0.0.1:0", discovery, log: silentLog, maxRequestSize, maxConnectionAgeMs: 0 });
  const { port } = await server.listen();
  const clients: TestClient[] = [];
  t.after(async () => {
    for (const client of clients) client.close();
    await server.close();
  });
  return {
    cache,
    discovery,
    port,
    connect(options: Omit<TestClientOptions, "port">): TestClient {
      const client = connect({ ...options, port });
      clients.push(client);
      return client;
    },
  };
}
