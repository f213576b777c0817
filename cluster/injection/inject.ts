import { createHash } from "node:crypto";
import type { PodConfiguration, RenderPodProxy } from "../../model/pod-proxy.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { CA_ANNOTATION, INJECTED_LABEL } from "../../model/trust-bundle.ts";
import { captureContainer, envoyContainer, POD_IP, type ProxyImage, podCredentials, volumes } from "./containers.ts";
import { type Inbound, inboundOf } from "./inbound.ts";
import {
  ADMIN_PORT,
  CAPTURE_PORT,
  ENVOY,
  EXCLUDE_PORTS,
  FILE_PREFIX,
  FILES_VOLUME,
  INBOUND,
  INJECT,
  IPTABLES,
  READY_PORT,
  TOKEN_VOLUME,
} from "./names.ts";
import type { Pod } from "./pod.ts";
import { type Probes, rewriteProbes } from "./probes.ts";
import { type NamespaceView, readInject, readWishes, type Wishes } from "./wishes.ts";

export interface InjectionSettings {
  /** Image of Envoy and nft. */
  readonly proxyImage: ProxyImage;
  /** Where the pods' proxies reach Weir; the host is a name in Weir's certificate. */
  readonly xds: { readonly host: string; readonly port: number };
  /** Weir's authorities (PEM). */
  readonly ca: string;
  /** Weir's own namespace, whose pods are left alone. */
  readonly ownNamespace: string | undefined;
  /** True: pods have IPv6 addresses too. */
  readonly ipv6: boolean;
  /** A hash of 16 bytes and more that others cannot make. Absent: SHA-256, for a pod that only those read who may. */
  readonly hash?: (text: string) => Buffer;
  readonly render: RenderPodProxy;
}

/** What became of a pod. */
export interface Injection {
  readonly pod: Pod;
  /** Why the pod is as it was; absent: it was injected. */
  readonly unchanged?: string;
  /** For who made the pod, one line each. */
  readonly warnings: readonly string[];
}

/**
 * Puts Envoy into a pod of a namespace that asks for it, or that asks for it itself. A pod that has it already is left as it is. The result shares what did not change.
 *
 * Fails with words for who made the pod: `InvalidAnnotation`, `PortTaken`, `CaptureForbidden`, `NameTaken`, `TooManyPorts`, `TooManyProbes`, `CannotInject` (it asks itself for what cannot be).
 */
export function inject(pod: Pod, namespace: NamespaceView, settings: InjectionSettings): Result<Injection> {
  const asked = readInject(pod.metadata);
  if (!asked.ok) return asked;
  const no = reasonAgainst(pod, namespace, asked.value, settings);
  if (no !== undefined) return ok({ pod, unchanged: no, warnings: [] });
  const obstacle = obstacleOf(pod);
  if (obstacle !== undefined) return leave(pod, obstacle, asked.value);
  const wishes = readWishes(pod.metadata, namespace);
  if (!wishes.ok) return wishes;
  const inbound = inboundOf(pod, wishes.value, namespace);
  if (!inbound.ok) return inbound;
  if (inbound.value.ports.length === 0) return leave(pod, "no container of it declares a TCP port for HTTP (containerPort)", asked.value);
  const taken = nameTaken(pod);
  if (taken !== undefined) return fail("NameTaken", taken);
  const probes = rewriteProbes(pod.spec, inbound.value.ports);
  if (!probes.ok) return probes;
  const drainPath = drainPathOf(pod, settings);
  const configuration = settings.render({
    ...proxyOf(pod, namespace.name, settings),
    drainPath,
    ...inboundFields(wishes.value, inbound.value, probes.value),
  });
  const tooLong = tooLongFor(configuration, inbound.value, wishes.value);
  if (tooLong !== undefined) return fail("TooManyPorts", tooLong);
  const injected = assemble(pod, configuration, {
    settings,
    drainPath,
    wishes: wishes.value,
    inbound: inbound.value,
    probes: probes.value,
  });
  return ok({ pod: injected, warnings: inbound.value.warnings });
}

/** Not to be guessed by who cannot read the pod. The same for the same pod. Of texts alone: a pod may be nested deeper than the stack. */
function drainPathOf({ metadata, spec }: Pod, { hash = sha256 }: InjectionSettings): string {
  const names = [...(spec.volumes ?? []), ...spec.containers].map(({ name }) => String(name));
  const text = [String(metadata.name), ...names, ...Object.entries(metadata.labels ?? {}).flat()].join("\n");
  return `/drain-${hash(text).toString("hex", 0, 16)}`;
}

const sha256 = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Why nothing is to be done, without anybody being told. */
function reasonAgainst(
  pod: Pod,
  { name, labels }: NamespaceView,
  asked: boolean | undefined,
  { ownNamespace }: InjectionSettings,
): string | undefined {
  if (pod.spec.initContainers?.some((container) => container.name === ENVOY)) return "it is injected already";
  if (name === "kube-system" || name === ownNamespace) return `pods of ${name} are left alone`;
  if (asked === false) return `its ${INJECT} is "false"`;
  return asked === true || labels[INJECT] === "true" ? undefined : `neither it nor its namespace has ${INJECT}: "true"`;
}

/** What makes a pod one in which Envoy can do nothing. */
function obstacleOf({ metadata, spec }: Pod): string | undefined {
  if (spec.hostNetwork === true) return "it is in its node's network (hostNetwork)";
  if ((spec.os as { name?: unknown } | null | undefined)?.name === "windows") return "it runs on Windows";
  return metadata.annotations?.["kubernetes.io/config.mirror"] === undefined ? undefined : "it is of the kubelet's own manifests";
}

/** A namespace asks for all of its pods, whether they can or not; a pod that asks itself is told. */
function leave(pod: Pod, why: string, asked: boolean | undefined): Result<Injection> {
  if (asked === true) return fail("CannotInject", `the pod has ${INJECT}: "true" and cannot be injected: ${why}`);
  return ok({ pod, unchanged: why, warnings: [`the pod has no filters of Weir: ${why}`] });
}

function nameTaken({ spec }: Pod): string | undefined {
  const container = [...spec.containers, ...(spec.initContainers ?? [])].find(({ name }) => name === ENVOY || name === IPTABLES);
  if (container !== undefined) return `the pod has a container ${container.name} of its own; give it another name`;
  const volume = spec.volumes?.find(({ name }) => name === TOKEN_VOLUME || name === FILES_VOLUME);
  return volume === undefined
    ? undefined
    : `the pod has a volume ${volume.name} of its own; give it another name, or label the pod ${INJECT}: "false" if it brings its own Envoy`;
}

/** Linux takes no longer argument of a program (MAX_ARG_STRLEN, with its end). https://man7.org/linux/man-pages/man2/execve.2.html */
const MAX_ARGUMENT_BYTES = 128 * 1024 - 1;
const LONGEST_ADDRESS = "x".repeat(39);

/** Envoy's configuration is an argument, since the kubelet writes the pod's address into it. */
function tooLongFor({ bootstrap }: PodConfiguration, { ports }: Inbound, { slots }: Wishes): string | undefined {
  const bytes = Buffer.byteLength(bootstrap.replaceAll(`$(${POD_IP})`, LONGEST_ADDRESS));
  if (bytes <= MAX_ARGUMENT_BYTES) return undefined;
  return `the pod's ${ports.length} ports with ${slots.length} slots each make Envoy's configuration too long (${bytes} bytes of ${MAX_ARGUMENT_BYTES}); leave ports out with ${EXCLUDE_PORTS}, or name fewer slots`;
}

function proxyOf({ metadata }: Pod, namespace: string, { xds, ipv6 }: InjectionSettings) {
  return {
    namespace,
    labels: metadata.labels ?? {},
    xds,
    listenHost: ipv6 ? "::" : "0.0.0.0",
    readyPort: READY_PORT,
    adminPort: ADMIN_PORT,
    credentials: podCredentials(xds.host),
  };
}

/** A captured app is called as others call it. One behind mapped ports may listen on 127.0.0.1 alone, which leaves no way past the filters. */
function inboundFields({ slots, paths }: Wishes, { mode, ports }: Inbound, { routes }: Probes) {
  const common = { slots, paths, inbound: ports, probes: routes };
  return mode === "ports" ? { ...common, appHost: "127.0.0.1" } : { ...common, appHost: `$(${POD_IP})`, capture: CAPTURE_PORT };
}

interface Parts {
  readonly drainPath: string;
  readonly settings: InjectionSettings;
  readonly wishes: Wishes;
  readonly inbound: Inbound;
  readonly probes: Probes;
}

function assemble(
  pod: Pod,
  { bootstrap, files }: PodConfiguration,
  { settings, drainPath, wishes, inbound, probes: { spec } }: Parts,
): Pod {
  const { proxyImage, ca } = settings;
  const capture = inbound.mode === "capture" ? [captureContainer(proxyImage, wishes, inbound.ports)] : [];
  const annotations = {
    ...pod.metadata.annotations,
    [INBOUND]: summary(inbound),
    [CA_ANNOTATION]: ca,
    ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`${FILE_PREFIX}${name}`, text])),
  };
  return {
    ...pod,
    metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, [INJECTED_LABEL]: "true" }, annotations },
    spec: {
      ...spec,
      initContainers: [...capture, envoyContainer(bootstrap, drainPath, proxyImage, wishes, inbound), ...(spec.initContainers ?? [])],
      volumes: [...(spec.volumes ?? []), ...volumes(Object.keys(files))],
    },
  };
}

/** `capture 8080 (http), 9000 (detected)` or `ports 8080=15080`. */
function summary({ mode, ports }: Inbound): string {
  const each = ports.map(({ app, listen, protocol }) => (mode === "ports" ? `${app}=${listen}` : `${app} (${protocol})`));
  return `${mode} ${each.join(mode === "ports" ? "," : ", ")}`;
}
