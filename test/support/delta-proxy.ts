import { Client, credentials } from "@grpc/grpc-js";
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from "../../xds/gen/envoy/service/discovery/v3/discovery.ts";

const PATH = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";
const TYPE = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

export interface DeltaProxyOptions {
  readonly id: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Envoy 1.40 with filter_chain, or 1.30 without it. */
  readonly filterChain: boolean;
  /** Resources it subscribes to. */
  readonly names: readonly string[];
  /** Resource name -> version: what it held when its last connection ended. */
  readonly held?: Readonly<Record<string, string>>;
}

/** What stands in for an Envoy where only the protocol matters: delta ADS, takes everything unless it is told to refuse. */
export interface DeltaProxy {
  readonly id: string;
  /** Resource name -> version of what it holds now. */
  held(): Readonly<Record<string, string>>;
  /** Names of the resources that were sent to it, or taken from it, in the order they came. */
  readonly received: readonly string[];
  /** From now on responses that hold this resource (`holding`: with this text in it) are refused with this message; `undefined` ends that. */
  refuse(name: string, message: string | undefined, holding?: string): void;
  close(): void;
}

/** Connects to an xDS server on 127.0.0.1 and subscribes. */
export function startDeltaProxy(port: number, options: DeltaProxyOptions): DeltaProxy {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const call = client.makeBidiStreamRequest<DeltaDiscoveryRequest, DeltaDiscoveryResponse>(
    PATH,
    (request) => Buffer.from(DeltaDiscoveryRequest.encode(request).finish()),
    (bytes) => DeltaDiscoveryResponse.decode(bytes),
  );
  const held: Record<string, string> = { ...options.held };
  const received: string[] = [];
  const refusals = new Map<string, { readonly message: string; readonly holding: string }>();
  call.on("error", () => {});
  call.on("data", ({ nonce = "", resources = [], removedResources = [] }: DeltaDiscoveryResponse) => {
    received.push(...resources.map(({ name = "" }) => name), ...removedResources);
    const isRefused = ({ name = "", resource }: (typeof resources)[number]) =>
      Buffer.from(resource?.value ?? []).includes(refusals.get(name)?.holding ?? "");
    const refused = resources.find((each) => refusals.has(each.name ?? "") && isRefused(each));
    const message = refusals.get(refused?.name ?? "")?.message;
    if (message === undefined) {
      for (const { name = "", version = "" } of resources) held[name] = version;
      for (const name of removedResources) delete held[name];
    }
    const errorDetail = message === undefined ? {} : { errorDetail: { code: 3, message } };
    call.write({ typeUrl: TYPE, responseNonce: nonce, ...errorDetail });
  });
  call.write({
    typeUrl: TYPE,
    node: nodeOf(options),
    resourceNamesSubscribe: [...options.names],
    initialResourceVersions: { ...options.held },
  });
  return {
    id: options.id,
    held: () => ({ ...held }),
    received,
    refuse(name, message, holding = "") {
      if (message === undefined) refusals.delete(name);
      else refusals.set(name, { message, holding });
    },
    close() {
      call.cancel();
      client.close();
    },
  };
}

function nodeOf({ id, namespace, labels = {}, filterChain }: DeltaProxyOptions) {
  const version = { majorNumber: 1, minorNumber: filterChain ? 40 : 30, patch: 0 };
  return {
    id,
    metadata: { NAMESPACE: namespace, LABELS: { ...labels } },
    userAgentName: "envoy",
    userAgentVersionType: { $case: "userAgentBuildVersion" as const, userAgentBuildVersion: { version } },
    extensions: filterChain ? [{ name: "envoy.filters.http.filter_chain" }] : [],
  };
}
