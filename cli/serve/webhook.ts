import { networkInterfaces } from "node:os";
import type { SecureContextOptions } from "node:tls";
import { messageOf } from "../../base/error.ts";
import type { Keyring } from "../../base/keyring.ts";
import type { Handler, KeptConfiguration, Webhook } from "../../cluster/index.ts";
import type { Admission } from "../../model/admission.ts";
import { systemClock } from "../../model/clock.ts";
import type { ClusterAccess } from "../../model/kube.ts";
import { alone } from "../../model/leadership.ts";
import type { Log } from "../../model/log.ts";
import type { Metrics } from "../../model/metrics.ts";
import type { Failure } from "../../model/result.ts";
import { renderPodProxy } from "../../xds/index.ts";
import type { Replica } from "./replica-flags.ts";
import type { Tls } from "./tls-files.ts";
import type { WebhookChoice } from "./webhook-flags.ts";
import { whileLeading } from "./while-leading.ts";

export interface WebhookParts {
  readonly webhook: WebhookChoice | undefined;
  readonly cluster: ClusterAccess | undefined;
  readonly ownNamespace: string | undefined;
  /**
   * What this server is among replicas; absent: it is alone. Who decides keeps the configurations: one that hears of an authority later than another would write over what
   * that one wrote.
   */
  readonly replica?: Pick<Replica, "lease"> | undefined;
  readonly log: Log;
}

/** What a running Weir has for its webhook. */
export interface WebhookSurroundings {
  readonly tls: Tls | undefined;
  readonly keys: Keyring;
  readonly metrics: Metrics;
  readonly admission: Admission;
}

export interface OpenedWebhook extends Pick<Webhook, "close"> {
  /** Gives why it cannot; `undefined`: it listens. */
  listen(): Promise<Failure | undefined>;
  setSecureContext(context: SecureContextOptions): void;
  /** Keeps the webhook configurations current until the returned function is called. */
  start(): () => Promise<void>;
}

/** The webhook with the certificate of the xDS port; `undefined` where none is asked for. Nothing is started. */
export async function openWebhook(
  { webhook, cluster, ownNamespace, replica, log }: WebhookParts,
  { tls, keys, metrics, admission }: WebhookSurroundings,
): Promise<OpenedWebhook | undefined> {
  const bundle = tls?.authority;
  if (webhook === undefined || cluster === undefined || bundle === undefined) return undefined;
  // Loaded here: who is asked nothing does not wait for it.
  const { createFilterHandler, createPodHandler, createWebhook, keepConfiguration, readNamespace } = await import("../../cluster/index.ts");
  const { api, follow } = cluster;
  const handlers: Handler[] = [];
  const configurations: KeptConfiguration[] = [];
  const { injection } = webhook;
  if (injection !== undefined) {
    const { proxyImage, xds } = injection;
    const fixed = { proxyImage, xds, ownNamespace, ipv6: hasIpv6(), hash: keys.keyedHash("drain path").digest, render: renderPodProxy };
    const settings = () => ({ ...fixed, ca: bundle.current() });
    handlers.push(createPodHandler({ settings, namespaceOf: (name) => readNamespace(api, name), metrics }));
    if (injection.configuration !== undefined) configurations.push(mutating(injection.configuration));
  }
  if (webhook.admission !== undefined) {
    // The API server takes small letters, digits, dots and dashes in the path of a Service.
    const path = `/review/${keys.keyedHash("review path").digest("path").toString("hex")}`;
    handlers.push(createFilterHandler({ path, admission, metrics }));
    configurations.push(validating(webhook.admission, path));
  }
  const { address } = webhook;
  const lost = () => metrics.askedToInject("invalid");
  const server = createWebhook({ address, log, handlers, lost, clock: systemClock, tls: tls?.options ?? {} });
  return {
    ...server,
    async listen() {
      const bound = await server.listen();
      if (!bound.ok) return bound.error;
      const base = `https://${bound.value.host}:${bound.value.port}`;
      if (injection !== undefined) log.info("injecting pods", { webhook: `${base}/inject`, image: injection.proxyImage.image });
      if (webhook.admission !== undefined) log.info("judging WasmFilters before they are stored", { address: base });
      return undefined;
    },
    start() {
      const kept = configurations.map((configuration) =>
        whileLeading(
          replica?.lease ?? alone,
          () => keepConfiguration({ api, follow, configuration, bundle, clock: systemClock, log, random: Math.random }),
          (error) =>
            log.error("keeping a webhook configuration could not begin or end; it begins anew when this replica decides again", {
              ...{ object: `${configuration.kind} ${configuration.name}`, error: messageOf(error) },
            }),
        ),
      );
      return async () => void (await Promise.all(kept.map((stop) => stop())));
    },
  };
}

function mutating(name: string): KeptConfiguration {
  return { kind: "MutatingWebhookConfiguration", name, otherwise: "no pod can be injected", flag: "--webhook-configuration" };
}

function validating(name: string, path: string): KeptConfiguration {
  const otherwise = "WasmFilters are stored without being judged first";
  return { kind: "ValidatingWebhookConfiguration", name, path, otherwise, flag: "--admission-configuration" };
}

/** Whether pods have IPv6 addresses, as far as this one knows: where it has one that leads anywhere, they do. */
function hasIpv6(): boolean {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.some(({ family, internal, scopeid }) => family === "IPv6" && !internal && scopeid === 0);
}
