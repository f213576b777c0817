import { Gauge, type Registry } from "prom-client";
import { endOf } from "../../cluster/index.ts";
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
      gauge.set({ certificate: "server" }, endOf(tls.certificate()) / 1_000);
      if (tls.authority !== undefined) gauge.set({ certificate: "authority" }, endOf(tls.authority.signing().cert) / 1_000);
    },
  });
}
