import { podCredentials } from "../../cluster/index.ts";
import { ok, type Result } from "../../model/result.ts";
import { printYaml } from "../../operator/index.ts";
import { type ProxyCredentials, sdsFiles } from "../../xds/index.ts";
import { type Address, CLUSTER_XDS_ADDRESS, parseAddress, XDS_ADDRESS } from "../args/address.ts";
import { usage } from "../args/usage.ts";
import { readAuthorities } from "./authority.ts";

/** Flags of `weir bootstrap` that count, or must not be given, for an Envoy in a pod. */
export interface InClusterFlags {
  readonly xds: string;
  readonly "tls-ca": string | undefined;
  readonly "tls-server-name": string | undefined;
  readonly node: string | undefined;
  readonly "tls-cert": string | undefined;
  readonly "tls-key": string | undefined;
  readonly "token-file": string | undefined;
  readonly out: string | undefined;
}

/** How an Envoy in a pod reaches Weir. */
export interface InCluster {
  readonly xds: Address;
  readonly credentials: ProxyCredentials;
  /** Certificates of Weir's authorities, PEM. */
  readonly ca: string;
}

export async function readInCluster(flags: InClusterFlags): Promise<Result<InCluster>> {
  const own = (["node", "tls-cert", "tls-key", "token-file", "out"] as const).find((name) => flags[name] !== undefined);
  if (own !== undefined) return usage(`--in-cluster takes the pod's own name and token, and prints a ConfigMap; leave --${own} out`);
  if (flags["tls-ca"] === undefined) return usage("--in-cluster needs --tls-ca: the authorities of Weir's certificate, for the pod");
  const xds = parseAddress(flags.xds === XDS_ADDRESS ? CLUSTER_XDS_ADDRESS : flags.xds, "--xds");
  if (!xds.ok) return xds;
  const ca = await readAuthorities("--tls-ca", flags["tls-ca"]);
  if (!ca.ok) return ca;
  const { ca: caFile, token, serverName, folder } = podCredentials(flags["tls-server-name"] ?? xds.value.host);
  return ok({ xds: xds.value, ca: ca.value, credentials: { tls: { ca: caFile, own: undefined, serverName }, tokenFile: token, folder } });
}

/** A ConfigMap for the folder where `credentials` says that its files are. */
export function configMapOf(bootstrap: string, namespace: string, { credentials, ca }: InCluster): string {
  const metadata = { name: "weir-bootstrap", namespace };
  const data = { "envoy.yaml": bootstrap, "ca.crt": ca, ...sdsFiles(credentials) };
  const mount = `# Mount it at ${credentials.folder} of the pods' Envoy, with a token of the audience weir.dev beside it: docs/injection.md has the whole of it.\n`;
  return `${mount}${printYaml({ apiVersion: "v1", kind: "ConfigMap", metadata, data })}`;
}
