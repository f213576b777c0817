import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import type { Revision } from "../model/revision.ts";
import type { Views } from "./views.ts";

/** A whole HTTP answer. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const TEXT = "text/plain; charset=utf-8";
const JSON_TYPE = "application/json; charset=utf-8";
/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const PATHS = [
  "/healthz",
  "/readyz",
  "/metrics",
  "/api/v1/filters",
  "/api/v1/filters/NAMESPACE/NAME",
  "/api/v1/filters/NAMESPACE/NAME/revisions",
  "/api/v1/proxies",
  "/api/v1/events",
];

/** Picks and builds the answer to a request; `"events"` stands for the stream, which has no end to build. `target` is the request line's. */
export function route(method: string, target: string, views: Views): Answer | "events" {
  const path = target.split("?", 1)[0] ?? "/";
  const known = resource(path, views);
  if (known === undefined) return failure(404, `no such path; this server has ${PATHS.join(", ")}`);
  if (method !== "GET" && method !== "HEAD") {
    return failure(405, `${printable(method)} is not possible here: the API is read-only, change the WasmFilter instead`, {
      allow: "GET, HEAD",
    });
  }
  return known === "events" ? known : known();
}

/** A refusal as JSON: `{"error": "..."}`. */
export function failure(status: number, error: string, headers?: Readonly<Record<string, string>>): Answer {
  return { ...json({ error }, status), ...(headers === undefined ? {} : { headers }) };
}

function resource(path: string, views: Views): (() => Answer) | "events" | undefined {
  switch (path) {
    case "/healthz":
      return () => text("ok\n");
    case "/readyz":
      return () => (views.ready() ? text("ok\n") : text("not ready: the desired state is still being read\n", 503));
    case "/metrics":
      return () => ({ status: 200, type: METRICS_TYPE, body: views.metrics() });
    case "/api/v1/filters":
      return () => json(filterList(views.filters()));
    case "/api/v1/proxies":
      return () => json(views.proxies());
    case "/api/v1/events":
      return "events";
    default:
      return oneFilter(path, views);
  }
}

function oneFilter(path: string, views: Views): (() => Answer) | undefined {
  const match = /^\/api\/v1\/filters\/([a-z0-9][a-z0-9-]{0,62})\/([a-z0-9][a-z0-9.-]{0,252})(\/revisions)?$/.exec(path);
  if (match === null) return undefined;
  const [, namespace = "", name = "", revisions] = match;
  return () => {
    const filter = views.filters().find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
    if (filter === undefined) return failure(404, `no WasmFilter ${namespace}/${name} here`);
    return json(revisions === undefined ? filter : views.revisions({ namespace, name }).map(withoutSecret));
  };
}

/** Text that came from a Secret never leaves the process. */
function withoutSecret(revision: Revision): Revision {
  return revision.secretConfig === undefined ? revision : { ...revision, settings: { ...revision.settings, config: "" } };
}

/** A Kubernetes List: what `kubectl get wf -o json` prints. */
export function filterList(filters: readonly WasmFilter[]): object {
  return { apiVersion: "v1", kind: "List", metadata: { resourceVersion: "" }, items: filters };
}

function json(value: unknown, status = 200): Answer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

function text(body: string, status = 200): Answer {
  return { status, type: TEXT, body };
}

function printable(method: string): string {
  return /^[A-Z]{1,16}$/.test(method) ? method : "this method";
}
