import type { Metrics, NackReason, PushType } from "../../model/metrics.ts";
import { typeUrls } from "../protocol/resource.ts";
import type { Answer } from "../protocol/subscription.ts";

/** Measures what all streams of a server send, and what comes back. */
export interface StreamMeter {
  /** Milliseconds of a clock that only goes forward. */
  now(): number;
  /** A response is on its way. */
  sent(typeUrl: string): void;
  answered(typeUrl: string, answer: Answer): void;
}

export function createStreamMeter(metrics: Metrics, now: () => number): StreamMeter {
  return {
    now,
    sent: (typeUrl) => metrics.pushed(pushTypeOf(typeUrl)),
    answered(typeUrl, { error, sentAt }) {
      if (error === undefined) metrics.acknowledged(pushTypeOf(typeUrl), (now() - sentAt) / 1_000);
      else metrics.rejected(nackReasonOf(error));
    },
  };
}

const PUSH_TYPES: ReadonlyMap<string, PushType> = new Map([
  [typeUrls.extensionConfig, "extension_config"],
  [typeUrls.listener, "listener"],
  [typeUrls.route, "route"],
  [typeUrls.cluster, "cluster"],
  [typeUrls.endpoint, "endpoint"],
]);

function pushTypeOf(typeUrl: string): PushType {
  return PUSH_TYPES.get(typeUrl) ?? "other";
}

/** Envoy's message says that a plugin failed, and which, but not whether its module, its start or its configuration is to blame. */
export function nackReasonOf(message: string): NackReason {
  if (/unable to create wasm/i.test(message)) return "plugin";
  const aboutResource = /validation|unknown field|unable to parse|didn't find a registered implementation|type url|invalid/i;
  return aboutResource.test(message) ? "resource" : "other";
}
