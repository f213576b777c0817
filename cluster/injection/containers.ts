import { TOKEN_AUDIENCE } from "../../model/identity.ts";
import type { Fields } from "../../model/kube.ts";
import type { InboundPort, PodCredentials } from "../../model/pod-proxy.ts";
import { CA_ANNOTATION } from "../../model/trust-bundle.ts";
import type { Inbound } from "./inbound.ts";
import {
  CA_FILE,
  CAPTURE_PORT,
  ENVOY,
  FILE_PREFIX,
  FILES_VOLUME,
  FOLDER,
  IPTABLES,
  READY_PORT,
  TOKEN_FOLDER,
  TOKEN_SECONDS,
  TOKEN_VOLUME,
  USER,
} from "./names.ts";
import type { Container } from "./pod.ts";
import type { Wishes } from "./wishes.ts";

/** Environment variable of the sidecar, for the bootstrap: the address at which others reach the pod. */
export const POD_IP = "WEIR_POD_IP";
const POD_NAME = "WEIR_POD_NAME";

/** What the sidecar asks for unless an annotation says otherwise. Its limit on memory lets some modules in; a limit on CPU would only make requests slower. */
const CPU = "50m";
const MEMORY = "64Mi";
const MEMORY_LIMIT = "512Mi";

/** What every container of Weir's has. It satisfies the Pod Security level restricted. */
const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  privileged: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: USER,
  runAsGroup: USER,
  seccompProfile: { type: "RuntimeDefault" },
};

/** While Weir is away a new pod waits, for ten minutes before Envoy is started anew. */
const START_SECONDS = 600;

/** The image of what is put into pods. Without `imagePullPolicy` its tag decides, as for every container. */
export interface ProxyImage {
  readonly image: string;
  readonly imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
}

/**
 * Envoy beside the app: up before the app's first container, down after its last. https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
 * `proxyImage`: unless the pod asks for another.
 */
export function envoyContainer(
  bootstrap: string,
  drainPath: string,
  proxyImage: ProxyImage,
  wishes: Wishes,
  { ports }: Inbound,
): Container {
  const listens = ports.flatMap(({ listen }) => (listen === undefined ? [] : [{ containerPort: listen, protocol: "TCP" }]));
  const ready = { httpGet: { path: "/ready", port: READY_PORT } };
  return {
    name: ENVOY,
    ...imageOf(proxyImage, wishes),
    restartPolicy: "Always",
    command: ["/usr/local/bin/envoy"],
    args: [
      ...["--config-yaml", bootstrap, "--service-node", `$(${POD_NAME})`],
      ...["--concurrency", "1", "--disable-hot-restart", "--drain-strategy", "immediate", "--log-level", wishes.logLevel],
    ],
    env: [variable(POD_NAME, "metadata.name"), variable(POD_IP, "status.podIP")],
    ...(listens.length === 0 ? {} : { ports: listens }),
    resources: {
      requests: { cpu: wishes.cpu ?? CPU, memory: wishes.memory ?? MEMORY },
      limits: { memory: wishes.memory ?? MEMORY_LIMIT },
    },
    startupProbe: { ...ready, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: START_SECONDS },
    // The hooks of all containers of a pod run when its end begins; Envoy itself ends after the app.
    lifecycle: { preStop: { httpGet: { path: drainPath, port: READY_PORT } } },
    readinessProbe: { ...ready, periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 2 },
    securityContext: RESTRICTED,
    volumeMounts: [
      { name: TOKEN_VOLUME, mountPath: TOKEN_FOLDER, readOnly: true },
      { name: FILES_VOLUME, mountPath: FOLDER, readOnly: true },
    ],
  };
}

function imageOf(proxyImage: ProxyImage, { image }: Wishes): ProxyImage {
  return image === undefined ? proxyImage : { ...proxyImage, image };
}

function variable(name: string, fieldPath: string): Fields {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

/**
 * Turns what comes to the captured ports from outside of the pod to Envoy, in one transaction, however often it runs. Both families: where Envoy listens on
 * IPv4 alone, IPv6 is refused and passes nothing by.
 */
export function captureContainer(proxyImage: ProxyImage, wishes: Wishes, ports: readonly InboundPort[]): Container {
  const numbers = ports.map(({ app }) => app).join(", ");
  return {
    name: IPTABLES,
    ...imageOf(proxyImage, wishes),
    command: ["/usr/sbin/nft"],
    args: [
      [
        "add table inet weir",
        "delete table inet weir",
        "add table inet weir",
        "add chain inet weir inbound { type nat hook prerouting priority dstnat; policy accept; }",
        `add rule inet weir inbound iifname != "lo" tcp dport { ${numbers} } redirect to :${CAPTURE_PORT}`,
      ].join("; "),
    ],
    resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { memory: "64Mi" } },
    securityContext: {
      ...RESTRICTED,
      capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] },
      runAsNonRoot: false,
      runAsUser: 0,
      runAsGroup: 0,
    },
  };
}

/** Where an Envoy in a pod finds what proves who it is, and whom it trusts. `serverName`: a name in Weir's certificate. */
export function podCredentials(serverName: string): PodCredentials {
  return { ca: `${FOLDER}/${CA_FILE}`, token: `${TOKEN_FOLDER}/token`, serverName, folder: FOLDER };
}

/** The token that proves which pod this is, and the pod's annotations as files. `files`: names below `FOLDER`. */
export function volumes(files: readonly string[]): (Fields & { name: string })[] {
  const token = { audience: TOKEN_AUDIENCE, expirationSeconds: TOKEN_SECONDS, path: "token" };
  const items = [
    { path: CA_FILE, fieldRef: { fieldPath: `metadata.annotations['${CA_ANNOTATION}']` } },
    ...files.map((path) => ({ path, fieldRef: { fieldPath: `metadata.annotations['${FILE_PREFIX}${path}']` } })),
  ];
  return [
    { name: TOKEN_VOLUME, projected: { sources: [{ serviceAccountToken: token }] } },
    { name: FILES_VOLUME, downwardAPI: { items } },
  ];
}
