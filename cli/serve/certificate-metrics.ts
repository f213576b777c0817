import { X509Certificate } from "node:crypto";
import { Gauge, type Registry } from "prom-client";
import type { Tls } from "./tls-files.ts";

/** Gauge of when the certificates of the xDS port end, read when somebody looks. Without TLS it has no series. */
export function registerCertificateMetrics(registry: Registry, tls: Pick<Tls, "certificate" | "authority"> | undefined): void {
  const gauge = new Gauge({
    name: "weir_certificate_end_timestamp_seconds",
    help: "When the certificate of the xDS port, and of Weir's own authority that signs, end.",
    registers: [registry],
    labelNames: ["certificate"],
    collect() {
      if (tls === undefined) return;
      gauge.set({ certificate: "server" }, endOf(tls.certificate()));
      if (tls.authority !== undefined) gauge.set({ certificate: "authority" }, endOf(tls.authority.signing().cert));
    },
  });
}

/** Seconds since the epoch. */
function endOf(pem: string): number {
  return new X509Certificate(pem).validToDate.getTime() / 1_000;
}
