import { networkInterfaces } from "node:os";
import type { SecureContextOptions } from "node:tls";
import type { Keyring } from "../../base/keyring.ts";
import type { Webhook } from "../../cluster/index.ts";
import { systemClock } from "../../model/clock.ts";
import type { ClusterAccess } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import type { Metrics } from "../../model/metrics.ts";
import type { Failure } from "../../model/result.ts";
import { renderPodProxy } from "../../xds/index.ts";
import type { Tls } from "./tls-files.ts";
import type { WebhookChoice } from "./webhook-flags.ts";

export interface WebhookParts {
  readonly webhook: WebhookChoice | undefined;
  readonly cluster: ClusterAccess | undefined;
  readonly ownNamespace: string | undefined;
  readonly log: Log;
}

/** What a running Weir has for its webhook. */
export interface WebhookSurroundings {
  readonly tls: Tls | undefined;
  readonly keys: Keyring;
  readonly metrics: Metrics;
}

export interface OpenedWebhook extends Pick<Webhook, "close"> {
  /** Gives why it cannot; `undefined`: it listens. */
  listen(): Promise<Failure | undefined>;
  setSecureContext(context: SecureContextOptions): void;
  /** Keeps the webhook configuration current until the returned function is called. */
  start(): () => Promise<void>;
}

/** The webhook with the certificate of the xDS port; `undefined` where none is asked for. Nothing is started. */
export async function openWebhook(
  { webhook, cluster, ownNamespace, log }: WebhookParts,
  { tls, keys, metrics }: WebhookSurroundings,
): Promise<OpenedWebhook | undefined> {
  const bundle = tls?.authority;
  if (webhook === undefined || cluster === undefined || bundle === undefined) return undefined;
  // Loaded here: who injects no pods does not wait for it.
  const { createWebhook, keepCaBundle, readNamespace } = await import("../../cluster/index.ts");
  const { address, configuration, proxyImage, xds } = webhook;
  const { api, follow } = cluster;
  const fixed = { proxyImage, xds, ownNamespace, ipv6: hasIpv6(), hash: keys.keyedHash("drain path").digest, render: renderPodProxy };
  const server = createWebhook({
    ...{ address, log, metrics, clock: systemClock, tls: tls?.options ?? {} },
    settings: () => ({ ...fixed, ca: bundle.current() }),
    namespaceOf: (name) => readNamespace(api, name),
  });
  return {
    ...server,
    async listen() {
      const bound = await server.listen();
      if (bound.ok)
        log.info("injecting pods", { webhook: `https://${bound.value.host}:${bound.value.port}/inject`, image: proxyImage.image });
      return bound.ok ? undefined : bound.error;
    },
    start() {
      if (configuration === undefined) return async () => {};
      return keepCaBundle({ api, follow, name: configuration, bundle, clock: systemClock, log, random: Math.random });
    },
  };
}

/** Whether pods have IPv6 addresses, as far as this one knows: where it has one that leads anywhere, they do. */
function hasIpv6(): boolean {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.some(({ family, internal, scopeid }) => family === "IPv6" && !internal && scopeid === 0);
}
