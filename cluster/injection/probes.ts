import { isRecord } from "../../base/json.ts";
import type { Fields } from "../../model/kube.ts";
import type { InboundPort, ProbeRoute } from "../../model/pod-proxy.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { GRPC_PROBE_PORT, MAX_GRPC_PROBES, READY_PORT } from "./names.ts";
import { type Container, isPort, isSidecar, type PodSpec } from "./pod.ts";

/** Where a container has what the kubelet calls it by. */
const PROBES = ["startupProbe", "readinessProbe", "livenessProbe"];
const HOOKS = ["postStart", "preStop"];

export interface Probes {
  readonly spec: PodSpec;
  readonly routes: readonly ProbeRoute[];
}

/**
 * The kubelet's requests to captured ports would pass the filters, and one that says 403 would have the container killed. They get routes of their own that lead to
 * the app and nowhere else, and the spec is changed to call those. Fails with `TooManyProbes`.
 */
export function rewriteProbes(spec: PodSpec, inbound: readonly InboundPort[]): Result<Probes> {
  const captured = new Set(inbound.flatMap(({ app, listen }) => (listen === undefined ? [app] : [])));
  const grpcPorts: number[] = [];
  const routes: ProbeRoute[] = [];
  const rewrite = (container: Container): Container => {
    const add = (place: string, check: Fields): Fields => {
      const route = routeOf(check, container, `/probes/${container.name}/${place}`, captured, grpcPorts);
      if (route === undefined) return check;
      routes.push(route);
      return aimAt(check, route);
    };
    const probes = PROBES.flatMap((name) => (isRecord(container[name]) ? [[name, add(name, container[name])]] : []));
    return { ...container, ...Object.fromEntries(probes), ...lifecycleOf(container, add) };
  };
  const containers = spec.containers.map(rewrite);
  const initContainers = spec.initContainers?.map((one) => (isSidecar(one) ? rewrite(one) : one));
  if (grpcPorts.length > MAX_GRPC_PROBES) {
    return fail(
      "TooManyProbes",
      `the pod has gRPC probes on ${grpcPorts.length} captured ports, at most ${MAX_GRPC_PROBES} can be led to the app`,
    );
  }
  return ok({ spec: { ...spec, containers, ...(initContainers === undefined ? {} : { initContainers }) }, routes });
}

function lifecycleOf({ lifecycle }: Container, add: (place: string, check: Fields) => Fields): Fields {
  if (!isRecord(lifecycle)) return {};
  const hooks = HOOKS.flatMap((name) => {
    const hook = lifecycle[name];
    return isRecord(hook) && isRecord(hook.httpGet) ? [[name, add(name, hook)]] : [];
  });
  return { lifecycle: { ...lifecycle, ...Object.fromEntries(hooks) } };
}

/** `undefined`: it does not call a captured port, or not by plain HTTP; then it passes as it is. `grpcPorts` grows. */
function routeOf(
  check: Fields,
  container: Container,
  path: string,
  captured: ReadonlySet<number>,
  grpcPorts: number[],
): ProbeRoute | undefined {
  const { httpGet, tcpSocket, grpc } = check;
  const at = (target: Fields): number | undefined => {
    const port = portOf(target.port, container);
    const elsewhere = typeof target.host === "string" && target.host !== "";
    return port !== undefined && captured.has(port) && !elsewhere ? port : undefined;
  };
  if (isRecord(httpGet) && (httpGet.scheme ?? "HTTP") === "HTTP") {
    const app = at(httpGet);
    return app === undefined ? undefined : { kind: "http", path, app, appPath: pathOf(httpGet), rewriteHost: !hasHost(httpGet) };
  }
  if (isRecord(tcpSocket)) {
    const app = at(tcpSocket);
    return app === undefined ? undefined : { kind: "tcp", path, app };
  }
  if (!isRecord(grpc)) return undefined;
  const app = at(grpc);
  if (app === undefined) return undefined;
  if (!grpcPorts.includes(app)) grpcPorts.push(app);
  return { kind: "grpc", listen: GRPC_PROBE_PORT + grpcPorts.indexOf(app), app };
}

function aimAt(check: Fields, route: ProbeRoute): Fields {
  if (route.kind === "grpc") return { ...check, grpc: { ...(check.grpc as Fields), port: route.listen } };
  const { tcpSocket: _, ...rest } = check;
  return { ...rest, httpGet: { ...(check.httpGet as Fields | undefined), path: route.path, port: READY_PORT } };
}

function portOf(port: unknown, { ports = [] }: Container): number | undefined {
  if (typeof port === "string") return ports.find(({ name }) => name === port)?.containerPort;
  return isPort(port) ? port : undefined;
}

/** As the kubelet reads it. The result stands in the arguments of a container, where Kubernetes would take `$(NAME)` for a variable. */
function pathOf({ path }: Fields): string {
  const text = typeof path === "string" && path !== "" ? path : "/";
  return (text.startsWith("/") ? text : `/${text}`).replaceAll("$", "$$$$");
}

function hasHost({ httpHeaders }: Fields): boolean {
  if (!Array.isArray(httpHeaders)) return false;
  return httpHeaders.some((header) => isRecord(header) && typeof header.name === "string" && header.name.toLowerCase() === "host");
}
