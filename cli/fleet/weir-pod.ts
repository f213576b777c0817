import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { type KubeConfig, PortForward } from "@kubernetes/client-node";
import { fieldsOf, isRecord } from "../../base/json.ts";
import type { Fields, KubeApi } from "../../model/kube.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import type { Tunnel } from "./forward.ts";

/** Labels of the chart's pods. */
const PODS = "app.kubernetes.io/name=weir";

export interface WeirPod {
  readonly name: string;
  /** Where it serves its pages and the read API. */
  readonly port: number;
}

/** A pod of the cluster's Weir that is ready. Any replica answers the same. */
export async function findWeirPod(api: KubeApi, namespace: string): Promise<Result<WeirPod>> {
  const found = await api.request({ path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`, query: { labelSelector: PODS } });
  if (!found.ok)
    return failForNow(found.error.reason, `cannot list pods of namespace ${namespace} at ${api.server}: ${found.error.message}`);
  const pods = Array.isArray(found.value.items) ? found.value.items.filter(isRecord) : [];
  if (pods.length === 0)
    return fail(
      "NoWeir",
      `no Weir in namespace ${namespace} of ${api.server}: no pod has the labels ${PODS}; name its namespace with -n, or its address with --server`,
    );
  for (const pod of pods) {
    const port = isReady(pod) ? httpPort(pod) : undefined;
    if (port !== undefined) return ok({ name: String(fieldsOf(pod.metadata).name), port });
  }
  return failForNow("NotReady", `no pod of the Weir in namespace ${namespace} is ready; \`kubectl -n ${namespace} get pods\` tells more`);
}

function isReady({ metadata, status }: Fields): boolean {
  const { conditions } = fieldsOf(status);
  const holds = Array.isArray(conditions) && conditions.some((one) => isRecord(one) && one.type === "Ready" && one.status === "True");
  return holds && fieldsOf(metadata).deletionTimestamp === undefined;
}

function httpPort({ spec }: Fields): number | undefined {
  const { containers } = fieldsOf(spec);
  const ports = (Array.isArray(containers) ? containers : []).flatMap((container) => fieldsOf(container).ports ?? []);
  const port = fieldsOf(ports.find((one) => isRecord(one) && one.name === "http")).containerPort;
  return typeof port === "number" ? port : undefined;
}

/** Joins a socket to a port of a pod, through the API server. https://kubernetes.io/docs/reference/using-api/api-concepts/#portforward */
export async function dialPod(config: KubeConfig, namespace: string, pod: WeirPod, socket: Socket, onEnd: () => void): Promise<Tunnel> {
  // What the kubelet says of a port on which nobody listens; the connection ends then.
  const errors = new PassThrough().resume();
  const joined = await new PortForward(config).portForward(namespace, pod.name, [pod.port], socket, errors, socket);
  if (typeof joined === "function") throw new Error("the connection to the pod has no end");
  joined.addEventListener("close", onEnd);
  joined.addEventListener("error", onEnd);
  return { close: () => joined.close() };
}
