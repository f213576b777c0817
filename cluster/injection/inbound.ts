import type { InboundPort } from "../../model/pod-proxy.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { ADMIN_PORT, CAPTURE_PORT, GRPC_PROBE_PORT, MAX_GRPC_PROBES, PORTS, READY_PORT } from "./names.ts";
import { type ContainerPort, isSidecar, type Pod } from "./pod.ts";
import type { Mapping, NamespaceView, Wishes } from "./wishes.ts";

/** How requests come to the Envoy of a pod. Without ports there is nothing for it to do. */
export interface Inbound {
  /** `capture`: packets to the app's ports are turned to Envoy. `ports`: clients use other ports. */
  readonly mode: "capture" | "ports";
  readonly ports: readonly InboundPort[];
  /** What the pod's owner should know. */
  readonly warnings: readonly string[];
}

/** What a port's name says of its protocol, as Istio reads it: all of it, or what stands before the first `-`. https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/ */
const HTTP_NAMES = new Set(["http", "http2", "h2c", "grpc"]);
const OTHER_NAMES = new Set(
  [
    "tcp",
    "tls",
    "https",
    "udp",
    "mongo",
    "mysql",
    "postgres",
    "postgresql",
    "redis",
    "kafka",
    "amqp",
    "mqtt",
    "nats",
    "smtp",
    "ssh",
  ].concat(["ldap", "ldaps", "cassandra", "memcached"]),
);

/** Where the server speaks first, a connection has nothing to be looked at: FTP, SSH, SMTP, POP3, IMAP, submission, MySQL. */
const SERVER_SPEAKS_FIRST = new Set([21, 22, 25, 110, 143, 587, 3306]);

const ENFORCE = "pod-security.kubernetes.io/enforce";

/** Fails with `PortTaken` or `CaptureForbidden`. */
export function inboundOf(pod: Pod, wishes: Wishes, namespace: NamespaceView): Result<Inbound> {
  const declared = declaredPorts(pod);
  const mappings = mappingsFor(wishes, declared);
  const inbound = mappings.length > 0 ? mapped(mappings) : captured(declared, wishes.exclude);
  if (inbound.ports.length === 0) return ok(inbound);
  const taken = takenPort(declared, inbound);
  if (taken !== undefined) return taken;
  const level = levelAgainstCapture(namespace.labels);
  if (inbound.mode === "capture" && level !== undefined) return forbidden(inbound.ports, namespace.name, level);
  return ok(inbound);
}

/** The Pod Security level by which a namespace forbids NET_ADMIN; `undefined`: it does not. https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
export function levelAgainstCapture(labels: NamespaceView["labels"]): string | undefined {
  const level = labels[ENFORCE];
  return level === "baseline" || level === "restricted" ? level : undefined;
}

/** Those of containers that run beside each other: sidecars too. */
function declaredPorts({ spec }: Pod): ContainerPort[] {
  const running = [...(spec.initContainers ?? []).filter(isSidecar), ...spec.containers];
  const all = running.flatMap(({ ports }) => ports ?? []);
  return all.filter(({ protocol }) => (protocol ?? "TCP") === "TCP");
}

/** A namespace's mapping counts for pods that have its ports. */
function mappingsFor({ ports }: Wishes, declared: readonly ContainerPort[]): readonly Mapping[] {
  if (ports === undefined || ports.own) return ports?.mappings ?? [];
  return ports.mappings.filter(({ app }) => declared.some(({ containerPort }) => containerPort === app));
}

function mapped(mappings: readonly Mapping[]): Inbound {
  const warnings = mappings.map(
    ({ app, listen }) => `requests pass the filters at port ${listen}: make it the Service's targetPort; port ${app} itself has no filters`,
  );
  return { mode: "ports", warnings, ports: mappings.map((mapping) => ({ ...mapping, protocol: "http" })) };
}

function captured(declared: readonly ContainerPort[], exclude: readonly number[]): Inbound {
  const ports = new Map<number, InboundPort>();
  for (const { containerPort: app, name = "" } of declared) {
    if (exclude.includes(app) || ports.has(app)) continue;
    const [protocol = ""] = name.split("-", 1);
    if (HTTP_NAMES.has(protocol)) ports.set(app, { app, protocol: "http" });
    else if (!OTHER_NAMES.has(protocol) && !SERVER_SPEAKS_FIRST.has(app)) ports.set(app, { app, protocol: "detected" });
  }
  const detected = [...ports.values()].filter(({ protocol }) => protocol === "detected").map(({ app }) => app);
  const warnings = detected.map((app) => `what does not begin as HTTP passes port ${app} without filters; name the port http, or tcp`);
  return { mode: "capture", ports: [...ports.values()], warnings };
}

function takenPort(declared: readonly ContainerPort[], { mode, ports }: Inbound): Result<never> | undefined {
  const own = [ADMIN_PORT, READY_PORT, ...(mode === "capture" ? [CAPTURE_PORT] : [])];
  const isProbe = (port: number) => port >= GRPC_PROBE_PORT && port < GRPC_PROBE_PORT + MAX_GRPC_PROBES;
  const listens = ports.flatMap(({ listen }) => listen ?? []);
  const used = [...declared.map(({ containerPort }) => containerPort), ...ports.map(({ app }) => app)];
  const port = used.find((one) => own.includes(one) || isProbe(one));
  if (port !== undefined) return fail("PortTaken", `the pod uses port ${port}, which its Envoy needs; let the app listen on another`);
  const both = listens.find((one) => used.includes(one) || own.includes(one) || isProbe(one));
  return both === undefined ? undefined : fail("PortTaken", `${PORTS} has Envoy listen on port ${both}, which is in use; choose another`);
}

function forbidden(ports: readonly InboundPort[], namespace: string, level: string): Result<never> {
  const example = ports.map(({ app }, index) => `${app}=${15_080 + index}`).join(",");
  return fail(
    "CaptureForbidden",
    `namespace ${namespace} enforces the Pod Security level ${level}, which forbids what captures ports (NET_ADMIN); say where Envoy listens instead: annotation ${PORTS}: "${example}" on the pod or the namespace, and that port as targetPort of the Service`,
  );
}
