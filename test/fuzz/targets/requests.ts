import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import { proxyKey } from "../../../model/proxy-key.ts";
import { createFleet } from "../../../xds/fleet/fleet.ts";
import { DeltaDiscoveryRequest, DiscoveryRequest } from "../../../xds/gen/envoy/service/discovery/v3/discovery.ts";
import { StreamMetricsMessage } from "../../../xds/gen/envoy/service/metrics/v3/metrics_service.ts";
import { ClientStatusRequest } from "../../../xds/gen/envoy/service/status/v3/csds.ts";
import type { Call, CallHandler, GuardedMethod } from "../../../xds/grpc/call.ts";
import { createCache } from "../../../xds/protocol/cache.ts";
import { typeUrls } from "../../../xds/protocol/resource.ts";
import { csdsMethods } from "../../../xds/services/csds.ts";
import { discoveryMethods } from "../../../xds/services/methods.ts";
import { metricsMethod } from "../../../xds/services/metrics.ts";
import { createDiscovery } from "../../../xds/stream/discovery.ts";
import { entryFixture } from "../../../xds/testing/entry.ts";
import { oneModule } from "../../../xds/testing/modules.ts";
import { readDelta, readSotw } from "../../../xds/testing/received.ts";
import { type Input, stateOf, type Target } from "../target.ts";

const ADS = "/envoy.service.discovery.v3.AggregatedDiscoveryService";
/** The methods that a part may go to. Its first byte, modulo their number, says which. */
const METHODS = [
  `${ADS}/DeltaAggregatedResources`,
  `${ADS}/StreamAggregatedResources`,
  "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/DeltaExtensionConfigs",
  "/envoy.service.extension.v3.ExtensionConfigDiscoveryService/StreamExtensionConfigs",
  "/envoy.service.metrics.v3.MetricsService/StreamMetrics",
  "/envoy.service.status.v3.ClientStatusDiscoveryService/StreamClientStatus",
] as const;
const MAX_NAMES = 100;
/** What the proxy of the seeds is due, so that there is something to send, to acknowledge and to reject. */
const DUE = proxyKey("shop", "web-1");

/**
 * The path of a request, from a message's bytes to the fleet and back: every part is a message, on one call of each method. Whatever comes, nothing throws, a
 * call ends once and is silent then, what it answers can be read, names are within their bound, and nothing of a call is left when it is over.
 */
export const requests: Target = {
  name: "requests",
  code: ["xds/stream/", "xds/protocol/", "xds/fleet/", "xds/services/", "xds/protobuf/"],
  words: ["shop", "web-1", "weir/default", "weir/default/shop/add-header", "NAMESPACE", "LABELS", "*", "1", ...Object.values(typeUrls)],
  maxBytes: 32 * 1024,
  maxMs: 250,
  seeds: async () => SEEDS,
  async run(input) {
    const cache = createCache();
    const time = { now: 1_000 };
    const clock = { now: () => (time.now += 1_000), after: () => () => {} };
    const { fleet, observer, rejectionOf, reportStats, known } = createFleet({ cache, clock, epoch: "fuzz" });
    const discovery = createDiscovery({
      cache,
      modules: oneModule(),
      observer,
      limits: { names: MAX_NAMES, types: 32, namesInAll: 1_000_000, namesAtMost: 1_000_000 },
    });
    const methods = new Map([
      ...discoveryMethods(discovery),
      ...csdsMethods({ discovery, cache, rejectionOf }),
      metricsMethod({ wants: () => true, take: reportStats }),
    ]);
    const calls = new Map<string, FakeCall>();
    let turns = 0;
    for (const part of input) {
      const path = METHODS[(part[0] ?? 0) % METHODS.length] ?? METHODS[0];
      const call = calls.get(path) ?? open(methods, path);
      calls.set(path, call);
      await call.receive(part.subarray(1));
      await turn();
      for (const proxy of fleet.proxies()) {
        fleet.assign(
          proxy.key,
          new Map([["default", proxy.key === DUE ? [entryFixture(turns % 2 === 0 ? "add-header" : "auth")] : "hold"]]),
        );
      }
      turns += 1;
      for (const stream of discovery.streams()) {
        const names = stream.types.reduce((sum, { subscription }) => sum + subscription.size(), 0);
        assert(names <= 2 * MAX_NAMES, `${names} names are remembered`);
      }
    }
    await turn();
    for (const call of calls.values()) call.close();
    assert.equal(discovery.size(), 0, "streams are left");
    for (const { key } of [...fleet.proxies()]) fleet.forget(key);
    assert.equal(known(), 0, "proxies are left");
    return [...new Set([...calls.values()].map(({ state }) => state))].sort()[0] ?? "";
  },
};

/** A call without a socket, which judges what the server does with it. */
class FakeCall implements Call {
  readonly headers = {};
  readonly connection: Call["connection"] = {
    address: "127.0.0.1:1",
    peer: { certificate: undefined },
    retire() {},
    probe: (done) => done(false),
  };
  state = "open";
  private readonly path: string;
  private readonly handler: CallHandler;
  private readonly nonces = new Set<string>();

  constructor(path: string, method: GuardedMethod) {
    this.path = path;
    const handler = method(this);
    assert(!(handler instanceof Promise), "nobody is asked who they are");
    this.handler = handler;
  }

  async receive(bytes: Uint8Array): Promise<void> {
    if (this.state === "open") await this.handler.message(Buffer.from(bytes));
  }

  async taken(): Promise<void> {}

  send(message: Buffer): boolean {
    assert.equal(this.state, "open", "a message after the end");
    if (!/Resources$|Configs$/.test(this.path)) return true;
    const { nonce } = this.path.includes("Delta")
      ? readDelta(message.subarray(5))
      : readSotw(message.subarray(5), (_type, value) => value.toString());
    assert(nonce !== "" && !this.nonces.has(nonce), `nonce "${nonce}" comes twice`);
    this.nonces.add(nonce);
    return true;
  }

  end(code: number, message = ""): void {
    if (this.state !== "open") return;
    this.state = `${code} ${stateOf(message)}`;
  }

  close(): void {
    this.handler.closed();
    this.state = this.state === "open" ? "closed" : this.state;
  }
}

function open(methods: ReadonlyMap<string, GuardedMethod>, path: string): FakeCall {
  const method = methods.get(path);
  assert(method, `no method ${path}`);
  return new FakeCall(path, method);
}

const node = { id: "web-1", metadata: { NAMESPACE: "shop", LABELS: { app: "web" } } };
const typeUrl = typeUrls.extensionConfig;
const slot = "weir/default";

function delta(request: Partial<DeltaDiscoveryRequest>, method = 0): Uint8Array {
  return Buffer.concat([Buffer.from([method]), DeltaDiscoveryRequest.encode({ typeUrl, ...request }).finish()]);
}

function sotw(request: Partial<DiscoveryRequest>, method = 1): Uint8Array {
  return Buffer.concat([Buffer.from([method]), DiscoveryRequest.encode({ typeUrl, ...request }).finish()]);
}

/** The nonces that a server gives to the first responses, in a run: it counts. */
const FIRST = ["1", "2", "3"] as const;

const SEEDS: readonly Input[] = [
  [delta({ node, resourceNamesSubscribe: [slot] }), ...FIRST.map((responseNonce) => delta({ responseNonce }))],
  [
    delta({ node, resourceNamesSubscribe: [slot], initialResourceVersions: { [slot]: "1" } }),
    delta({ responseNonce: "1", errorDetail: { code: 3, message: "no" } }),
  ],
  [
    delta({ node, resourceNamesSubscribe: [slot, "weir/default/shop/a"] }),
    delta({ resourceNamesUnsubscribe: [slot] }),
    delta({ resourceNamesSubscribe: ["*"] }),
  ],
  [
    sotw({ node, resourceNames: [slot] }),
    ...FIRST.map((responseNonce) => sotw({ resourceNames: [slot], versionInfo: "1", responseNonce })),
  ],
  [
    sotw({ node, resourceNames: [slot] }),
    sotw({ resourceNames: [slot, "b"], responseNonce: "1", errorDetail: { code: 3, message: "no" } }),
    sotw({ resourceNames: [] }),
  ],
  [delta({ node, resourceNamesSubscribe: [slot] }, 2), sotw({ node, resourceNames: [slot] }, 3)],
  [
    delta({ node, typeUrl: typeUrls.listener }),
    delta({ typeUrl: typeUrls.cluster }),
    delta({ typeUrl: typeUrls.endpoint, resourceNamesSubscribe: ["a"] }),
  ],
  [
    delta({ node, resourceNamesSubscribe: [slot] }),
    Buffer.concat([
      Buffer.from([4]),
      StreamMetricsMessage.encode({
        identifier: { node },
        envoyMetrics: [{ name: "http.weir.downstream_rq_5xx", type: 0, metric: [{ counter: { value: 3 } }] }],
      }).finish(),
    ]),
    Buffer.concat([
      Buffer.from([5]),
      ClientStatusRequest.encode({ nodeMatchers: [{ nodeId: { matchPattern: { $case: "exact", exact: "web-1" } } }] }).finish(),
    ]),
  ],
];
