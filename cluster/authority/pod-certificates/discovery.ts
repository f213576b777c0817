import type { ApiFailure, Fields, KubeApi } from "../../../model/kube.ts";
import { ok, type Result } from "../../../model/result.ts";

const GROUP = "certificates.k8s.io";
/** The newest first. */
const VERSIONS = ["v1", "v1beta1"];

/** The API versions that the cluster offers what Weir needs in, as `certificates.k8s.io/v1beta1`. */
export interface PodCertificateApi {
  readonly requests: string;
  readonly bundles: string;
}

/**
 * Where the cluster offers PodCertificateRequests and ClusterTrustBundles; `undefined`: it does not offer both. Fails when the cluster cannot be asked. A kubelet whose
 * feature gates are off mounts an empty folder without a word, so nothing but discovery tells.
 */
export async function findPodCertificates(api: KubeApi): Promise<Result<PodCertificateApi | undefined, ApiFailure>> {
  const found: { requests?: string; bundles?: string } = {};
  for (const version of VERSIONS) {
    const groupVersion = `${GROUP}/${version}`;
    const listed = await api.request({ path: `/apis/${groupVersion}` });
    if (!listed.ok && listed.error.status === 404) continue;
    if (!listed.ok) {
      const message = `${groupVersion} cannot be discovered: ${listed.error.message}`;
      return { ok: false, error: { ...listed.error, reason: "Discovery", message, retryable: true } };
    }
    const names = namesOf(listed.value);
    if (names.has("podcertificaterequests")) found.requests ??= groupVersion;
    if (names.has("clustertrustbundles")) found.bundles ??= groupVersion;
  }
  const { requests, bundles } = found;
  return ok(requests === undefined || bundles === undefined ? undefined : { requests, bundles });
}

/** https://kubernetes.io/docs/reference/using-api/api-concepts/#unaggregated-discovery */
function namesOf({ resources }: Fields): ReadonlySet<string> {
  return new Set((Array.isArray(resources) ? resources : []).map(({ name }) => String(name)));
}
