import { parentPort, workerData } from "node:worker_threads";
import { Client, type ClientDuplexStream, credentials } from "@grpc/grpc-js";
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from "../../xds/gen/envoy/service/discovery/v3/discovery.ts";
import { probe } from "./health.ts";

/** What runs beside an attack, in a thread of its own: it asks /healthz, and it is an honest proxy that asks for one thing after another. Figures in milliseconds. */
export interface Noticed {
  /** Each took this long; a failure counts as the time until it failed, and is in `failures`. */
  readonly health: readonly number[];
  readonly pushes: readonly number[];
  /** Of a server that does nothing else: what the machine takes. */
  readonly idle: readonly number[];
  readonly failures: readonly string[];
}

export interface BystanderOptions {
  readonly xdsPort: number;
  readonly healthUrl: string;
  /** Of the server that does nothing else. */
  readonly idleUrl: string;
}

const PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const TYPE = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";
const PAUSE_MS = 20;
const TOO_LONG_MS = 30_000;

const { xdsPort, healthUrl, idleUrl } = workerData as BystanderOptions;
const noticed = { health: [] as number[], pushes: [] as number[], idle: [] as number[], failures: [] as string[] };

const pause = () => new Promise((done) => setTimeout(done, PAUSE_MS));

type Stream = ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;

function openStream(): Stream {
  const client = new Client(`127.0.0.1:${xdsPort}`, credentials.createInsecure());
  const stream = client.makeBidiStreamRequest<DeltaDiscoveryRequest, DeltaDiscoveryResponse>(
    PATH,
    (request) => Buffer.from(DeltaDiscoveryRequest.encode(request).finish()),
    (bytes) => DeltaDiscoveryResponse.decode(bytes),
  );
  const version = { majorNumber: 1, minorNumber: 40, patch: 0 };
  stream.write({
    typeUrl: TYPE,
    node: {
      id: "bystander",
      metadata: { NAMESPACE: "bystander" },
      userAgentVersionType: { $case: "userAgentBuildVersion", userAgentBuildVersion: { version } },
      extensions: [{ name: "envoy.filters.http.filter_chain" }],
    },
    resourceNamesSubscribe: ["weir/default"],
  });
  return stream;
}

/** Asks for the slot's chain; resolves when it came. */
function push(stream: Stream, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no answer to ${name}`)), TOO_LONG_MS);
    stream.once("error", reject);
    const take = ({ nonce = "", resources = [] }: DeltaDiscoveryResponse) => {
      stream.write({ typeUrl: TYPE, responseNonce: nonce });
      if (!resources.some((each) => each.name === name)) return;
      stream.off("data", take);
      stream.off("error", reject);
      clearTimeout(late);
      resolve();
    };
    stream.on("data", take);
    stream.write({ typeUrl: TYPE, resourceNamesSubscribe: [name] });
  });
}

/** Does it again and again, and notes how long it took. */
async function repeat(times: number[], action: (count: number) => Promise<void>): Promise<void> {
  for (let count = 0; ; count++) {
    const began = performance.now();
    await action(count).catch((error: Error) => noticed.failures.push(error.message));
    times.push(performance.now() - began);
    await pause();
  }
}

const stream = openStream();
stream.on("error", (error) => noticed.failures.push(error.message));
void repeat(noticed.health, () => probe(healthUrl, TOO_LONG_MS));
void repeat(noticed.idle, () => probe(idleUrl, TOO_LONG_MS));
void repeat(noticed.pushes, async (count) => {
  await push(stream, `weir/slot-${count}`);
  stream.write({ typeUrl: TYPE, resourceNamesUnsubscribe: [`weir/slot-${count}`] });
});
parentPort?.on("message", () => {
  parentPort?.postMessage({ ...noticed });
  for (const list of [noticed.health, noticed.pushes, noticed.idle, noticed.failures]) list.length = 0;
});
