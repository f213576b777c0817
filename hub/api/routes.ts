import { createPause } from "../../base/pause.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { document, failure, type HubContext, type LongDocument, longDocument } from "../answers.ts";
import { json, type Route } from "../route.ts";
import { ref } from "../schemas.ts";
import type { Views } from "../views.ts";
import { type FleetGroups, groupBy, groupFleet } from "./fleet-groups.ts";
import { type ListPage, listFrame, PAGE_ITEMS, PAGING, type Place, pageOf } from "./paging.ts";
import { type Given, type Parameters, readParameters } from "./parameter.ts";
import { pageOfProxies, selectedProxies } from "./proxy-list.ts";
import { FILTER_SELECTION, isFilterSelected, PROXY_SELECTION } from "./selection.ts";

const WRONG = json("A parameter is not what it takes.", ref("Error"));

const filterPlace = ({ metadata: { namespace = "", name } }: WasmFilter): Place => [namespace, name];

/** What lists the filters and the proxies: whole, those that are asked for, by pages, or counted. */
export function listRoutes(views: Views): readonly Route[] {
  return [filtersRoute(views), proxiesRoute(views), fleetRoute(views)];
}

function filtersRoute(views: Views): Route {
  const query = { ...FILTER_SELECTION, ...PAGING };
  return {
    path: "/api/v1/filters",
    operation: "listFilters",
    summary:
      "The filters with their status, as `kubectl get wf -o json` prints them; with limit or continue by pages, in the order of namespace and name",
    answers: { 200: json("A Kubernetes List.", ref("WasmFilterList")), 400: WRONG },
    query,
    isDocument: true,
    get: withQuery(query, (given, context) => {
      const filters = views.filters().filter((filter) => isFilterSelected(filter, given));
      if (!isPaged(given)) return list({ items: filters, last: undefined, remaining: 0 }, context);
      return list(pageOf(filters, filterPlace, given.continue, given.limit ?? PAGE_ITEMS), context);
    }),
  };
}

function proxiesRoute(views: Views): Route {
  const query = { ...PROXY_SELECTION, ...PAGING };
  /** A whole list may have a hundred megabytes: one is made at a time. */
  let last: Promise<unknown> = Promise.resolve();
  const oneByOne = async <T>(make: () => Promise<T>): Promise<T> => {
    const made = last.then(make);
    last = made.catch(() => {});
    return made;
  };
  return {
    path: "/api/v1/proxies",
    operation: "listProxies",
    summary: "What every proxy runs, slot by slot; with limit or continue by pages, as a Kubernetes List",
    answers: {
      200: json("The proxies, by id: all that are asked for as an array, or a page of them.", {
        oneOf: [{ type: "array", items: ref("Proxy") }, ref("ProxyList")],
      }),
      400: WRONG,
    },
    query,
    isDocument: true,
    get: withQuery(query, async (given, context) => {
      if (isPaged(given)) return list(await pageOfProxies(views, given, given, createPause()), context);
      return oneByOne(async () => answer({ items: await selectedProxies(views, given, createPause()) }, context));
    }),
  };
}

function fleetRoute(views: Views): Route {
  const query = { groupBy, ...PROXY_SELECTION };
  /** Looks that are under way, by what is asked for: who asks the same meanwhile shares one. */
  const looks = new Map<string, Promise<FleetGroups>>();
  return {
    path: "/api/v1/fleet",
    operation: "getFleet",
    summary: "How many proxies run what: the fleet counted, where a list of every proxy would be long",
    answers: { 200: json("The groups, the largest first.", ref("Fleet")), 400: WRONG },
    query,
    isDocument: true,
    get: withQuery(query, async (given) => {
      const key = JSON.stringify(given);
      const look = looks.get(key) ?? groupFleet(views, given, given.groupBy, createPause()).finally(() => looks.delete(key));
      looks.set(key, look);
      return document(await look);
    }),
  };
}

function isPaged({ limit, continue: next }: Given<typeof PAGING>): boolean {
  return limit !== undefined || next !== undefined;
}

function list(page: ListPage<unknown>, context: HubContext): Promise<Response> {
  return answer({ items: page.items, frame: listFrame(page) }, context);
}

async function answer(of: Pick<LongDocument, "items" | "frame">, { env: { outgoing } }: HubContext): Promise<Response> {
  const made = await longDocument({ ...of, pause: createPause(), isGone: () => outgoing.destroyed });
  return made ?? failure(503, "Busy", "its client left");
}

/** Reads the query of a request; what it should not have is told. */
function withQuery<P extends Parameters>(
  parameters: P,
  get: (given: Given<P>, context: HubContext) => Response | Promise<Response>,
): (context: HubContext) => Response | Promise<Response> {
  return (context) => {
    const given = readParameters(parameters, new URL(context.req.url).searchParams);
    return given.ok ? get(given.value, context) : failure(400, "BadRequest", given.error.message);
  };
}
