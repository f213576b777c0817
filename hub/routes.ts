import { filterId } from "../model/filter.ts";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { withoutSecretText } from "../model/revision.ts";
import { document, failure, type HubContext, TEXT, text } from "./answers.ts";
import { listRoutes } from "./api/routes.ts";
import type { EventStream } from "./events.ts";
import { openApi } from "./openapi.ts";
import { createPlanHandler, type Plans } from "./plans.ts";
import { policyRoutes } from "./policy-routes.ts";
import { filterKeyIn } from "./read/query.ts";
import { type Answer, json, type Route } from "./route.ts";
import { ref } from "./schemas.ts";
import { findFilter, type Views } from "./views.ts";

/** https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const NO_FILTER = json("There is no such filter.", ref("Error"));

export function createRoutes(views: Views, events: EventStream, plans?: Plans): readonly Route[] {
  const routes: Route[] = [
    ...healthRoutes(views),
    ...listRoutes(views),
    ...filterRoutes(views),
    ...policyRoutes(views),
    ...(plans === undefined ? [] : [planRoute(plans)]),
  ];
  routes.push({
    path: "/api/v1/events",
    operation: "watchEvents",
    summary: "Changes as server-sent events: from now on, or behind the event that the header Last-Event-ID names",
    answers: {
      200: {
        description:
          "Each event has an id. `change`: its data is a ChangeEvent as JSON. `state`: proxies or filters are not as they were. `reset`: what came after Last-Event-ID is not known any more (it is too old, or another process answers); read all again.",
        type: "text/event-stream",
        schema: ref("ChangeEvent"),
      },
      503: json("Too many readers.", ref("Error")),
    },
    get: (context) => {
      if (context.req.method === "HEAD")
        return new Response(null, { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
      return events.open(context);
    },
  });
  routes.push({
    path: "/openapi.json",
    operation: "getOpenApi",
    summary: "This document",
    answers: { 200: json("OpenAPI 3.1.", { type: "object" }) },
    isDocument: true,
    get: () => document(openApi(routes)),
  });
  return routes;
}

/** What tells whether Weir works, and how much: for probes and scrapers. */
export function healthRoutes(views: Views): readonly Route[] {
  return [
    {
      path: "/healthz",
      operation: "getHealth",
      summary: "Whether the process answers",
      answers: { 200: plain("It does.") },
      get: () => text("ok\n"),
    },
    {
      path: "/readyz",
      operation: "getReadiness",
      summary: "Whether proxies may come: the desired state was read, every filter had its first pass, and the server is not about to end",
      answers: { 200: plain("Ready."), 503: plain("Not yet, or no more.") },
      get: () =>
        views.ready() ? text("ok\n") : text("not ready: the desired state is still being read, or the server is about to end\n", 503),
    },
    {
      path: "/metrics",
      operation: "getMetrics",
      summary: "Metrics in the Prometheus text format; docs/metrics.md lists them",
      answers: { 200: { ...plain("The metrics."), type: METRICS_TYPE } },
      get: async () => text(await views.metrics(), 200, METRICS_TYPE),
    },
  ];
}

function filterRoutes(views: Views): readonly Route[] {
  return [
    {
      path: "/api/v1/filters/{namespace}/{name}",
      operation: "getFilter",
      summary: "One filter with its status",
      answers: { 200: json("The filter.", ref("WasmFilter")), 404: NO_FILTER },
      isDocument: true,
      get: (context) => oneFilter(context, views, (filter) => document(filter)),
    },
    {
      path: "/api/v1/filters/{namespace}/{name}/revisions",
      operation: "listRevisions",
      summary: "The revisions of a filter in full, in rising order",
      answers: { 200: json("The revisions.", { type: "array", items: ref("Revision") }), 404: NO_FILTER },
      isDocument: true,
      get: (context) =>
        oneFilter(context, views, ({ metadata: { namespace = "", name } }) =>
          document(views.revisions({ namespace, name }).map(withoutSecretText)),
        ),
    },
  ];
}

function planRoute(plans: Plans): Route {
  const refusals = { 400: "No List of such objects.", 401: "Nobody known.", 403: "One of the filters may not be applied by who asks." };
  const others = { 413: "Too large.", 415: "No JSON.", 503: "Too many plans, or nobody could be asked who calls." };
  return {
    path: "/api/v1/plan",
    operation: "plan",
    summary: "What applying filters would do, computed and not done; for whom may apply them",
    answers: {
      200: json("The plan.", ref("Plan")),
      ...Object.fromEntries(Object.entries({ ...refusals, ...others }).map(([status, why]) => [status, json(why, ref("Error"))])),
    },
    asksCallers: true,
    body: ref("PlanRequest"),
    post: createPlanHandler(plans),
  };
}

function oneFilter(context: HubContext, views: Views, answer: (filter: WasmFilter) => Response): Response | undefined {
  const key = filterKeyIn(context.req.param());
  if (key === undefined) return undefined;
  const filter = findFilter(views, key);
  return filter === undefined ? failure(404, "NotFound", `no WasmFilter ${filterId(key)} here`) : answer(filter);
}

function plain(description: string): Answer {
  return { description, type: TEXT, schema: { type: "string" } };
}
