import type { TestContext } from "node:test";
import type { ModuleBytes } from "../../model/module.ts";
import { createGrpcServer } from "../grpc/server.ts";
import { field } from "../protobuf/wire.ts";
import { type Cache, createCache } from "../protocol/cache.ts";
import { plainResource, type Resource, typeUrls } from "../protocol/resource.ts";
import { discoveryMethods, healthMethods } from "../services/methods.ts";
import { createDiscovery, type Discovery } from "../stream/discovery.ts";
import type { StreamObserver } from "../stream/observer.ts";
import { connect, type TestClient, type TestClientOptions } from "./client.ts";
import { heldModules } from "./modules.ts";
import type { Variant } from "./received.ts";

/** One way to speak xDS about one type. */
export interface Way {
  readonly name: string;
  readonly variant: Variant;
  readonly typeUrl: string;
  /** Set on a separate service. */
  readonly separate?: string;
}

/** Every variant, aggregated and separate, for every type. */
export const everyWay: readonly Way[] = Object.entries(typeUrls).flatMap(([type, typeUrl]) =>
  (["sotw", "delta"] as const).flatMap((variant) => [
    { name: `${type}, ${variant}, aggregated`, variant, typeUrl },
    { name: `${type}, ${variant}, separate`, variant, typeUrl, separate: typeUrl },
  ]),
);

/** A resource that is nothing but its name and some content. Same version, same bytes. */
export function resourceOf(typeUrl: string, name: string, version: string, size = 0): Resource {
  const message = [...field(1, [Buffer.from(name)]), ...field(1000, [Buffer.from(version)]), ...field(1001, [Buffer.alloc(size)])];
  return plainResource(typeUrl, name, version, message);
}

const ignore: StreamObserver = { opened() {}, relabeled() {}, subscribed() {}, answered() {}, settled() {}, missing() {}, closed() {} };

export interface DiscoveryOptions {
  readonly observer?: StreamObserver;
  readonly names?: number;
  readonly namesInAll?: number;
  readonly namesAtMost?: number;
  readonly maxRequestSize?: number;
  /** Default: none is there. */
  readonly modules?: ModuleBytes;
}

export interface StartedDiscovery {
  readonly cache: Cache;
  readonly discovery: Discovery;
  readonly port: number;
  /** A client that is closed when the test ends. */
  connect(settings: Omit<TestClientOptions, "port">): TestClient;
  /** Another server in its place, which knows nothing. */
  restart(): Promise<StartedDiscovery>;
}

/** A discovery server on a free port over an empty cache, gone when the test is. */
export async function startDiscovery(t: TestContext, options: DiscoveryOptions = {}): Promise<StartedDiscovery> {
  const cache = createCache();
  const { observer = ignore, modules = heldModules(new Map()), names = 5_000 } = options;
  const discovery = createDiscovery({
    cache,
    modules,
    observer,
    limits: { names, types: 32, namesInAll: options.namesInAll ?? 1_000_000, namesAtMost: options.namesAtMost ?? 1_000_000 },
  });
  const maxRequestSize = options.maxRequestSize ?? 4 * 1024 * 1024;
  const methods = new Map([...discoveryMethods(discovery), ...healthMethods()]);
  const server = createGrpcServer({ methods, maxRequestSize, maxConnectionAgeMs: 0 });
  const { port } = await server.listen("127.0.0.1:0");
  const clients: TestClient[] = [];
  const stop = async () => {
    for (const client of clients) client.close();
    discovery.close();
    await server.close();
  };
  t.after(stop);
  return {
    cache,
    discovery,
    port,
    connect(settings) {
      const client = connect({ ...settings, port });
      clients.push(client);
      return client;
    },
    async restart() {
      await stop();
      return startDiscovery(t, options);
    },
  };
}
