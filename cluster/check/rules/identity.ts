import type { Facts } from "../facts.ts";
import { about, type Finding } from "../finding.ts";

/** How sidecars can prove who they are here. */
export function identity({ podCertificates }: Facts): readonly Finding[] {
  const line = about("identity");
  if (!podCertificates.ok) return [line.unknown(podCertificates.error)];
  return podCertificates.value
    ? [line.ok("pods can have certificates (podCertificate and ClusterTrustBundle), and tokens")]
    : [
        line.ok(
          "pods prove who they are by ServiceAccount tokens; this cluster has no pod certificates, which are on from Kubernetes 1.37",
        ),
      ];
}
