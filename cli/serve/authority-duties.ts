import { messageOf } from "../../base/error.ts";
import type { Authority } from "../../cluster/index.ts";
import { systemClock } from "../../model/clock.ts";
import type { ClusterAccess } from "../../model/kube.ts";
import { alone } from "../../model/leadership.ts";
import type { Log } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { usage } from "../args/usage.ts";
import { patiently } from "./patiently.ts";
import type { Replica } from "./replica-flags.ts";
import { type Duty, whileLeading } from "./while-leading.ts";

export interface AuthorityDutiesOptions {
  readonly cluster: ClusterAccess | undefined;
  /** Weir's own authority; `undefined`: its certificate comes from elsewhere. */
  readonly authority: Authority | undefined;
  /** Whether that one is rotated by Weir. */
  readonly rotates: boolean;
  /** What injects pods; absent: nothing, so no pod is to be told. */
  readonly webhook?: { readonly injection: object | undefined } | undefined;
  readonly podCertificates: "auto" | "on" | "off";
  /** Weir's own. */
  readonly ownNamespace: string | undefined;
  readonly trustDomain: string | undefined;
  /** What this server is among replicas, of which one does it; absent: it is alone. */
  readonly replica?: Pick<Replica, "lease"> | undefined;
  readonly log: Log;
}

/** Trust domain of the SPIFFE ids that Weir makes, where no other is asked for. */
const TRUST_DOMAIN = "weir";

/**
 * What Weir's authority does for a cluster: pods learn which authorities count, and get certificates. Gives what starts it; that gives what ends it. Fails when pod
 * certificates are demanded and cannot be had.
 */
export async function prepareAuthorityDuties(options: AuthorityDutiesOptions): Promise<Result<() => () => Promise<void>>> {
  const { cluster, authority, rotates, webhook, podCertificates, ownNamespace, trustDomain = TRUST_DOMAIN, replica, log } = options;
  const wanted = podCertificates !== "off";
  if (wanted && (cluster === undefined || ownNamespace === undefined || authority === undefined))
    return usage("--pod-certificates needs a cluster, --own-namespace and --xds-tls auto");
  if (cluster === undefined || authority === undefined) return ok(() => async () => {});
  const { findPodCertificates, keepBundleInConfigMap, keepBundleInPods, startSigner } = await import("../../cluster/index.ts");
  const found = wanted ? await patiently(() => findPodCertificates(cluster.api), log) : ok(undefined);
  if (!found.ok) return found;
  if (podCertificates === "on" && found.value === undefined) return notOffered();
  if (podCertificates === "auto" && found.value === undefined)
    log.info("this cluster offers no pod certificates; proxies prove themselves by tokens");
  const clock = systemClock;
  const common = { api: cluster.api, bundle: authority, clock, log };
  const duties: Duty[] = rotates && webhook?.injection !== undefined ? [() => keepBundleInPods(common)] : [];
  if (rotates && ownNamespace !== undefined) duties.push(() => keepBundleInConfigMap({ ...common, namespace: ownNamespace }));
  const api = found.value;
  if (api !== undefined && ownNamespace !== undefined)
    duties.push(() => startSigner({ cluster, found: api, authority, namespace: ownNamespace, trustDomain, clock, log }));
  return ok(() => {
    const failed = (error: unknown) =>
      log.error("what Weir's authority does for the cluster could not begin or end; it begins anew when this replica decides again", {
        error: messageOf(error),
      });
    const ends = duties.map((duty) => whileLeading(replica?.lease ?? alone, duty, failed));
    return async () => void (await Promise.all(ends.map((end) => end())));
  });
}

function notOffered(): Result<never> {
  const what = "--pod-certificates on: this cluster offers no podcertificaterequests and clustertrustbundles (certificates.k8s.io)";
  return fail("NoPodCertificates", `${what}; turn its feature gates on (they are from Kubernetes 1.37), or use auto`);
}
