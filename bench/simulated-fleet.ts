/** Weir's xDS room with its clients in the same process: everything but sockets and gRPC. */
import { systemClock } from "../model/clock.ts";
import type { Fleet } from "../model/delivery.ts";
import type { ModuleBytes } from "../model/module.ts";
import { createFleet } from "../xds/fleet/fleet.ts";
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from "../xds/gen/envoy/service/discovery/v3/discovery.ts";
import type { Message } from "../xds/grpc/message.ts";
import { createCache } from "../xds/protocol/cache.ts";
import { typeUrls } from "../xds/protocol/resource.ts";
import { createDiscovery } from "../xds/stream/discovery.ts";
import type { XdsStream } from "../xds/stream/stream.ts";

/** A fleet whose proxies acknowledge all that they are sent, in later turns of the event loop and a few at a time, as sockets would hand it over. */
export interface SimulatedFleet {
  readonly fleet: Fleet;
  connect(id: string, namespace: string, labels: Readonly<Record<string, string>>): void;
  /** Responses sent so far. */
  responses(): number;
  /** Acknowledgements that the server took in so far. */
  acknowledged(): number;
  /** When it took in the last, by `performance.now()`. */
  lastAt(): number;
}

/** Acknowledgements that come within one turn. */
const BATCH = 64;
/** Of a gRPC message: one byte of flags, four of length. */
const PREFIX = 5;

/** `code`: what every module is. */
export function createSimulatedFleet(code: Uint8Array): SimulatedFleet {
  const cache = createCache();
  const modules: ModuleBytes = { peek: () => code, load: async () => code };
  const { fleet, observer } = createFleet({ cache, clock: systemClock });
  const discovery = createDiscovery({
    cache,
    modules,
    observer,
    limits: { names: 5_000, types: 32, namesInAll: 1_000_000, namesAtMost: 1_000_000 },
  });
  const answers = new WeakMap<Message, Uint8Array>();
  const pending: { stream: XdsStream; answer: Uint8Array }[] = [];
  let [responses, acknowledged, lastAt] = [0, 0, 0];

  /** Proxies with the same chain are sent the very same bytes, so what to answer is worked out once: the clients' work is not what is measured. */
  function answerTo(message: Message): Uint8Array {
    const known = answers.get(message);
    if (known !== undefined) return known;
    const { nonce } = DeltaDiscoveryResponse.decode(message.subarray(PREFIX));
    const answer = DeltaDiscoveryRequest.encode({ typeUrl: typeUrls.extensionConfig, responseNonce: nonce ?? "" }).finish();
    answers.set(message, answer);
    return answer;
  }

  function deliver(): void {
    for (const { stream, answer } of pending.splice(0, BATCH)) {
      stream.message(answer);
      acknowledged += 1;
    }
    lastAt = performance.now();
    if (pending.length > 0) setImmediate(deliver);
  }

  return {
    fleet,
    connect(id, namespace, labels) {
      const stream = discovery.open("delta", undefined, {
        send(message) {
          responses += 1;
          if (pending.length === 0) setImmediate(deliver);
          pending.push({ stream, answer: answerTo(message) });
          return true;
        },
        end(_code, message) {
          throw new Error(message);
        },
      });
      const node = { id, metadata: { NAMESPACE: namespace, LABELS: labels } };
      const subscribe = { node, typeUrl: typeUrls.extensionConfig, resourceNamesSubscribe: ["weir/default"] };
      stream.message(DeltaDiscoveryRequest.encode(subscribe).finish());
    },
    responses: () => responses,
    acknowledged: () => acknowledged,
    lastAt: () => lastAt,
  };
}
