import type { ProxyImage } from "../../cluster/index.ts";
import { ok, type Result } from "../../model/result.ts";
import { type Address, parseAddress } from "../args/address.ts";
import type { Flag, FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";
import type { OwnTls } from "./tls.ts";
import type { TlsFiles } from "./tls-files.ts";

/** https://kubernetes.io/docs/concepts/containers/images/#image-pull-policy */
const PULL_POLICIES = ["Always", "IfNotPresent", "Never"] as const;

/** Flags of `weir serve` for the webhook that injects Envoy into pods. */
export const webhookFlags = {
  "webhook-address": {
    type: "string",
    value: "HOST:PORT",
    help: "answer the API server's questions about new pods here (/inject): Envoy is put into those that ask for it",
    env: "WEIR_WEBHOOK_ADDRESS",
  },
  "webhook-configuration": {
    type: "string",
    value: "NAME",
    help: "with --webhook-address: keep the authorities in this MutatingWebhookConfiguration current",
    env: "WEIR_WEBHOOK_CONFIGURATION",
  },
  "proxy-image": {
    type: "string",
    value: "IMAGE",
    help: "with --webhook-address: the image with Envoy and nft for pods",
    env: "WEIR_PROXY_IMAGE",
  },
  "proxy-image-pull-policy": {
    type: "string",
    choices: PULL_POLICIES,
    help: "with --webhook-address: when nodes pull that image; without it, its tag decides",
    env: "WEIR_PROXY_IMAGE_PULL_POLICY",
  },
} as const satisfies Record<string, Flag>;

/** What the webhook needs beside the cluster and the certificate of the xDS port. */
export interface WebhookChoice {
  readonly address: Address;
  readonly configuration: string | undefined;
  readonly proxyImage: ProxyImage;
  /** Where the proxies of injected pods connect to. */
  readonly xds: Address;
}

export function readWebhook(
  values: FlagValues<typeof webhookFlags>,
  { tls, xds, hasCluster }: { readonly tls: TlsFiles | OwnTls | undefined; readonly xds: Address; readonly hasCluster: boolean },
): Result<WebhookChoice | undefined> {
  const { "webhook-address": where, "webhook-configuration": configuration, "proxy-image": image } = values;
  if (where === undefined) {
    return configuration === undefined
      ? ok(undefined)
      : usage("--webhook-configuration needs --webhook-address: it leads the API server there");
  }
  const address = parseAddress(where, "--webhook-address");
  if (!address.ok) return address;
  if (!hasCluster) return usage("--webhook-address needs a cluster: without one there are no pods; leave it out, or --filters");
  if (tls === undefined || !("names" in tls))
    return usage("--webhook-address needs --xds-tls auto: API server and pods must know who signs for Weir");
  if (image === undefined) return usage("--webhook-address needs --proxy-image: the image of Envoy for pods");
  const [, name] = tls.names;
  if (name === undefined) return usage("--webhook-address needs --xds-name: the first is where the proxies of pods connect to");
  const policy = values["proxy-image-pull-policy"];
  const proxyImage = policy === undefined ? { image } : { image, imagePullPolicy: policy };
  return ok({ address: address.value, configuration, proxyImage, xds: { host: name, port: xds.port } });
}
