import type { Cluster } from "./cluster.ts";
import { startWeir, type Weir } from "./weir.ts";

/** Name of the MutatingWebhookConfiguration that leads to `startInjector`. */
export const CONFIGURATION = "weir-test";

/** As the chart has it, at an address in place of a Service. */
export function webhookConfiguration(name: string, url: string, caBundle?: string): object {
  const common = {
    clientConfig: { url, ...(caBundle === undefined ? {} : { caBundle }) },
    rules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], scope: "Namespaced" }],
    ...{ failurePolicy: "Fail", sideEffects: "None", reinvocationPolicy: "IfNeeded", timeoutSeconds: 10, admissionReviewVersions: ["v1"] },
  };
  const key = "weir.dev/inject";
  const label = { [key]: "true" };
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name },
    webhooks: [
      {
        ...{ name: "namespace.weir.dev", ...common, namespaceSelector: { matchLabels: label } },
        objectSelector: { matchExpressions: [{ key, operator: "NotIn", values: ["false"] }] },
      },
      {
        ...{ name: "pod.weir.dev", ...common, objectSelector: { matchLabels: label } },
        namespaceSelector: { matchExpressions: [{ key, operator: "NotIn", values: ["true"] }] },
      },
    ],
  };
}

export interface InjectorOptions {
  readonly cluster: Cluster;
  readonly data: string;
  /** Where the API server asks. */
  readonly port: number;
  readonly flags?: readonly string[];
}

/** A Weir of the namespace `weir-system` that injects pods, and keeps the webhook configuration current. */
export function startInjector({ cluster, data, port, flags = [] }: InjectorOptions): Promise<Weir> {
  return startWeir({
    source: ["--kubeconfig", cluster.kubeconfig],
    data,
    flags: [
      ...["--xds-tls", "auto", "--xds-name", "weir.weir-system.svc", "--own-namespace", "weir-system"],
      ...["--webhook-address", `127.0.0.1:${port}`, "--webhook-configuration", CONFIGURATION, "--proxy-image", "r.example/envoy:1"],
      ...flags,
    ],
  });
}
