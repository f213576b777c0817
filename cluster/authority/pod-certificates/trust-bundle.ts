import { fieldsOf, isRecord } from "../../../base/json.ts";
import type { KubeApi } from "../../../model/kube.ts";
import { fail, ok, type Result } from "../../../model/result.ts";
import { refusal } from "../../refusal.ts";

/** The signer that pods name in their volumes. */
export const SIGNER = "weir.dev/proxy";
/** The bundle that they mount beside their certificate. https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#cluster-trust-bundles */
export const BUNDLE_NAME = "weir.dev:proxy:ca";
/** Label with the namespace of the Weir that keeps the bundle. */
const OWNER = "weir.dev/namespace";

export interface BundleWrite {
  readonly api: KubeApi;
  /** As `certificates.k8s.io/v1beta1`. */
  readonly apiVersion: string;
  /** Weir's own. */
  readonly namespace: string;
  readonly bundle: string;
}

/** Makes the ClusterTrustBundle hold the bundle; gives whether it was another. Fails when it belongs to the Weir of another namespace: two authorities cannot sign for one name. */
export async function writeBundle({ api, apiVersion, namespace, bundle }: BundleWrite): Promise<Result<boolean>> {
  const collection = `/apis/${apiVersion}/clustertrustbundles`;
  const path = `${collection}/${BUNDLE_NAME}`;
  const resource = "clustertrustbundles";
  const found = await api.request({ path });
  if (!found.ok && found.error.status !== 404) return refusal({ verb: "get", resource, id: BUNDLE_NAME }, found.error);
  if (!found.ok) {
    const metadata = { name: BUNDLE_NAME, labels: { [OWNER]: namespace, "app.kubernetes.io/managed-by": "weir" } };
    const body = { apiVersion, kind: "ClusterTrustBundle", metadata, spec: { signerName: SIGNER, trustBundle: bundle } };
    const made = await api.request({ method: "POST", path: collection, body });
    return made.ok ? ok(true) : refusal({ verb: "create", resource, id: `${BUNDLE_NAME} (and attest signers ${SIGNER})` }, made.error);
  }
  const labels = fieldsOf(fieldsOf(found.value.metadata).labels);
  const owner = labels[OWNER];
  if (owner !== undefined && owner !== namespace) {
    const why = `the ClusterTrustBundle ${BUNDLE_NAME} belongs to the Weir of the namespace ${String(owner)}`;
    return fail("NotOwner", `${why}; set --pod-certificates off here, or remove it when that Weir is gone`);
  }
  if (isRecord(found.value.spec) && found.value.spec.trustBundle === bundle && owner === namespace) return ok(false);
  const body = { metadata: { labels: { [OWNER]: namespace } }, spec: { trustBundle: bundle } };
  const done = await api.request({ method: "PATCH", path, contentType: "application/merge-patch+json", body });
  return done.ok ? ok(true) : refusal({ verb: "patch", resource, id: `${BUNDLE_NAME} (and attest signers ${SIGNER})` }, done.error);
}
