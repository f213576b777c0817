import type { ProxyImage } from "../../cluster/index.ts";
import { ok, type Result } from "../../model/result.ts";
import { type Address, parseAddress } from "../args/address.ts";
import type { Flag, FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";
import type { OwnTls } from "./tls.ts";
import type { TlsFiles } from "./tls-files.ts";

/** https://kubernetes.io/docs/concepts/containers/images/#image-pull-policy */
const PULL_POLICIES = ["Always", "IfNotPresent", "Never"] as const;

/** Flags of `weir serve` for what the API server asks before it stores objects. */
export const webhookFlags = {
  "webhook-address": {
    type: "string",
    value: "HOST:PORT",
    help: "answer the API server's questions here: about new pods (/inject), into which Envoy is put that ask for it, and about WasmFilters",
    env: "WEIR_WEBHOOK_ADDRESS",
  },
  "webhook-configuration": {
    type: "string",
    value: "NAME",
    help: "with --webhook-address: keep the authorities in this MutatingWebhookConfiguration current",
    env: "WEIR_WEBHOOK_CONFIGURATION",
  },
  "admission-configuration": {
    type: "string",
    value: "NAME",
    help: "with --webhook-address: judge WasmFilters before they are stored, and keep this ValidatingWebhookConfiguration current",
    env: "WEIR_ADMISSION_CONFIGURATION",
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

/** What puts Envoy into pods. */
export interface InjectionChoice {
  /** Of the MutatingWebhookConfiguration. */
  readonly configuration: string | undefined;
  readonly proxyImage: ProxyImage;
  /** Where the proxies of injected pods connect to. */
  readonly xds: Address;
}

/** What the webhook needs beside the cluster and the certificate of the xDS port. */
export interface WebhookChoice {
  readonly address: Address;
  /** `undefined`: no pod is injected. */
  readonly injection: InjectionChoice | undefined;
  /** Of the ValidatingWebhookConfiguration; `undefined`: no WasmFilter is judged before it is stored. */
  readonly admission: string | undefined;
}

interface Surroundings {
  readonly tls: TlsFiles | OwnTls | undefined;
  readonly xds: Address;
  readonly hasCluster: boolean;
}

export function readWebhook(
  values: FlagValues<typeof webhookFlags>,
  { tls, xds, hasCluster }: Surroundings,
): Result<WebhookChoice | undefined> {
  const { "webhook-address": where, "admission-configuration": admission, "webhook-configuration": configuration } = values;
  if (where === undefined) {
    const [flag] = [configuration && "--webhook-configuration", admission && "--admission-configuration"].filter(Boolean);
    return flag === undefined ? ok(undefined) : usage(`${flag} needs --webhook-address: it leads the API server there`);
  }
  const address = parseAddress(where, "--webhook-address");
  if (!address.ok) return address;
  if (!hasCluster) return usage("--webhook-address needs a cluster: without one no API server asks; leave it out, or --filters");
  if (tls === undefined || !("names" in tls))
    return usage("--webhook-address needs --xds-tls auto: API server and pods must know who signs for Weir");
  const injection = readInjection(values, tls, xds);
  return injection.ok ? ok({ address: address.value, injection: injection.value, admission }) : injection;
}

function readInjection(values: FlagValues<typeof webhookFlags>, tls: OwnTls, xds: Address): Result<InjectionChoice | undefined> {
  const { "webhook-configuration": configuration, "proxy-image": image, "proxy-image-pull-policy": policy } = values;
  if (image === undefined) {
    if (configuration === undefined && values["admission-configuration"] !== undefined) return ok(undefined);
    return usage("--webhook-address needs --proxy-image, the image of Envoy for pods, or --admission-configuration");
  }
  const [, name] = tls.names;
  if (name === undefined) return usage("--proxy-image needs --xds-name: the first is where the proxies of pods connect to");
  const proxyImage = policy === undefined ? { image } : { image, imagePullPolicy: policy };
  return ok({ configuration, proxyImage, xds: { host: name, port: xds.port } });
}
