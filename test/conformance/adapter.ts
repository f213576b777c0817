import { BinaryReader } from "@bufbuild/protobuf/wire";
import { proxyKey } from "../../model/proxy-key.ts";
import type { Method } from "../../xds/grpc/call.ts";
import { frame } from "../../xds/grpc/message.ts";
import { createGrpcServer } from "../../xds/grpc/server.ts";
import { status } from "../../xds/grpc/status.ts";
import { field } from "../../xds/protobuf/wire.ts";
import { type Cache, createCache } from "../../xds/protocol/cache.ts";
import { plainResource, type Resource, typeUrls } from "../../xds/protocol/resource.ts";
import { discoveryMethods, healthMethods } from "../../xds/services/methods.ts";
import { createDiscovery } from "../../xds/stream/discovery.ts";

/** A discovery server, and beside it a service through which a conformance suite sets what the server holds. */
export interface ConformanceTarget {
  /** Of the discovery services. */
  readonly port: number;
  /** Of `adapter.Adapter`. */
  readonly adapterPort: number;
  close(): Promise<void>;
}

/** Fields of a message by number, as far as they are length-delimited. */
type Fields = ReadonlyMap<number, readonly Buffer[]>;

const TYPES = [typeUrls.cluster, typeUrls.endpoint, typeUrls.listener, typeUrls.route];
/** `{success: true}` and `{response: "ok"}`: answers of the adapter's methods. */
const SUCCESS = Buffer.from([0x08, 0x01]);
const CLEARED = Buffer.from([0x0a, 0x02, 0x6f, 0x6b]);

/**
 * Milliseconds that a change of state waits. The suite sends a request on a stream and tells the adapter of a change right after, on
 * another connection: nothing else makes sure that the server has seen the first when the second comes.
 */
const SETTLE_MS = 100;

/** Ports 0 take free ones. */
export async function startConformanceTarget(port = 0, adapterPort = 0): Promise<ConformanceTarget> {
  const cache = createCache();
  const observer = { opened() {}, relabeled() {}, subscribed() {}, answered() {}, settled() {}, missing() {}, closed() {} };
  const modules = { peek: () => undefined, load: async () => undefined };
  const discovery = createDiscovery({
    cache,
    modules,
    observer,
    limits: { names: 5_000, types: 32, namesInAll: 1_000_000, namesAtMost: 1_000_000 },
  });
  const limits = { maxRequestSize: 4 * 1024 * 1024, maxConnectionAgeMs: 0 };
  const target = createGrpcServer({ methods: new Map([...discoveryMethods(discovery), ...healthMethods()]), ...limits });
  const adapter = createGrpcServer({ methods: new Map(adapterMethods(cache)), ...limits });
  const bound = await target.listen(`127.0.0.1:${port}`);
  const beside = await adapter.listen(`127.0.0.1:${adapterPort}`);
  return {
    port: bound.port,
    adapterPort: beside.port,
    async close() {
      discovery.close();
      await Promise.all([target.close(), adapter.close()]);
    },
  };
}

/** The suite's clients name no namespace. */
function keyOf(fields: ReturnType<typeof fieldsOf>): string {
  return proxyKey("", text(fields, 1));
}

function adapterMethods(cache: Cache) {
  const change = (edit: (resources: Map<string, Resource>, name: string, resource: Resource) => void) =>
    later((request) => {
      const fields = fieldsOf(request);
      const [node, typeUrl, name, version] = [keyOf(fields), text(fields, 2), text(fields, 3), text(fields, 4)];
      const resources = new Map(cache.lookup(node, typeUrl).all());
      edit(resources, name, named(typeUrl, name, version));
      cache.set(node, typeUrl, resources.values(), version);
      return SUCCESS;
    });
  const setState = later((request) => {
    const fields = fieldsOf(request);
    const [node, version] = [keyOf(fields), text(fields, 2)];
    const resources = (fields.get(3) ?? []).map((bytes) => unpack(bytes, version));
    for (const typeUrl of TYPES) {
      const ofType = resources.filter((resource) => resource.typeUrl === typeUrl);
      cache.set(node, typeUrl, ofType, version);
    }
    return SUCCESS;
  });
  const clearState = later((request) => {
    cache.clear(keyOf(fieldsOf(request)));
    return CLEARED;
  });
  const put = change((resources, name, resource) => resources.set(name, resource));
  const remove = change((resources, name) => resources.delete(name));
  return Object.entries({ SetState: setState, ClearState: clearState, AddResource: put, UpdateResource: put, RemoveResource: remove }).map(
    ([name, method]) => [`/adapter.Adapter/${name}`, method] as const,
  );
}

/** Answers a request a moment later. */
function later(answer: (request: Buffer) => Uint8Array): Method {
  return (call) => ({
    message(request) {
      setTimeout(() => {
        call.send(frame([answer(request)]));
        call.end(status.ok);
      }, SETTLE_MS);
    },
    halfClosed() {},
    closed() {},
  });
}

/** A resource that is nothing but its name (field 1 of every type here); its version is what tells it from another of that name. */
function named(typeUrl: string, name: string, version: string): Resource {
  return plainResource(typeUrl, name, version, field(1, [Buffer.from(name)]));
}

/** A google.protobuf.Any as a resource of this version. */
function unpack(bytes: Buffer, version: string): Resource {
  const fields = fieldsOf(bytes);
  const message = fields.get(2)?.[0] ?? Buffer.alloc(0);
  return plainResource(text(fields, 1), text(fieldsOf(message), 1), version, [message]);
}

function fieldsOf(message: Buffer): Fields {
  const reader = new BinaryReader(message);
  const fields = new Map<number, Buffer[]>();
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (wireType === 2) fields.set(number, [...(fields.get(number) ?? []), Buffer.from(reader.bytes())]);
    else reader.skip(wireType, number);
  }
  return fields;
}

function text(fields: Fields, number: number): string {
  return fields.get(number)?.at(-1)?.toString() ?? "";
}

if (import.meta.main) {
  const [port = "18000", adapterPort = "17000"] = process.argv.slice(2);
  const target = await startConformanceTarget(Number(port), Number(adapterPort));
  console.log(`discovery on 127.0.0.1:${target.port}, adapter on 127.0.0.1:${target.adapterPort}`);
}
