import type { Catalog } from "../model/catalog.ts";
import { isDigest } from "../model/digest.ts";
import type { Log } from "../model/log.ts";
import { type Failure, ok, type Result } from "../model/result.ts";
import type { Caller, Callers } from "./acting/callers.ts";
import type { Acting } from "./acting/deps.ts";
import { leaveFor } from "./acting/leave.ts";
import { createActingRoutes } from "./acting/routes.ts";
import type { HubContext } from "./answers.ts";
import { type Assets, readAssets } from "./assets.ts";
import { catalogShows } from "./catalog-routes.ts";
import { compareShows, type LookAtPlaces, lookAtPlaces } from "./compare-routes.ts";
import type { Others } from "./others.ts";
import { actionBar, doneNote } from "./pages/buttons.ts";
import { diffPage } from "./pages/diff.ts";
import { digestPage } from "./pages/digest.ts";
import { filterPage } from "./pages/filter.ts";
import { filtersPage } from "./pages/filters.ts";
import { fleetPage, proxyPage } from "./pages/fleet.ts";
import { historyPage } from "./pages/history.ts";
import { html } from "./pages/html.ts";
import { type PageParts, printPage } from "./pages/layout.ts";
import { signInForm } from "./pages/me.ts";
import { messagePage } from "./pages/message.ts";
import { overviewPage } from "./pages/overview.ts";
import { authorsIn, changesOf } from "./read/changes.ts";
import { filterRow } from "./read/filter-row.ts";
import type { FleetSnapshot } from "./read/fleet-snapshot.ts";
import { textIn } from "./read/query.ts";
import { searchTarget } from "./read/search.ts";
import { createSnapshots, type Snapshots } from "./read/snapshots.ts";
import { createWaveLooks } from "./read/wave-looks.ts";
import type { Readers } from "./readers.ts";
import { BROKEN, refusalOf } from "./refusals.ts";
import { findFilter, type Views } from "./views.ts";

const HTML_TYPE = "text/html; charset=utf-8";

/** A page's path as hono writes it, and what stands there. */
export interface PageRoute {
  readonly path: string;
  /** Who may not read may come here. */
  readonly isOpen?: true;
  get(context: HubContext): Promise<Response>;
  /** `form`: what was sent. */
  post?(context: HubContext, form: Result<URLSearchParams>): Promise<Response>;
}

/** Prints a page for who asks. */
export type PrintPage = (context: HubContext, parts: Omit<PageParts, "at" | "who">, status: number) => Promise<Response>;

/** What a page shows. `undefined`: there is no such thing. */
export type Shown = (Omit<PageParts, "at"> & Partial<Pick<PageParts, "at">>) | undefined;
type ShownWithFleet = Omit<PageParts, "at" | "isBehind">;
/** What stands at a page's path. */
export type Show = (
  params: Readonly<Record<string, string>>,
  query: URLSearchParams,
  now: number,
  caller: Result<Caller | undefined>,
) => Shown | Promise<Shown>;

/** The pages for people. What changes something is done by `acting` alone. */
export interface Pages {
  readonly routes: readonly PageRoute[];
  /** What a browser gets where there is nothing. */
  missing(context: HubContext): Promise<Response>;
  /** What it gets where who asks may not look. */
  refusal(context: HubContext, error: Failure): Promise<Response>;
  close(): void;
}

export interface PagesOptions {
  readonly views: Views;
  /** Absent: there are no pages of it. */
  readonly catalog?: Catalog | undefined;
  /** Absent: this server knows no other. */
  readonly others?: Others | undefined;
  readonly readers?: Readers | undefined;
  /** Absent: nobody can sign in. */
  readonly acting?: (Acting & { readonly callers: Callers }) | undefined;
  readonly log: Log;
  readonly onSignOut: (session: string) => void;
  readonly now?: () => number;
}

export function createPages({ views, catalog, others, readers, acting, log, onSignOut, now = Date.now }: PagesOptions): Pages {
  const assets = readAssets();
  const snapshots = createSnapshots(views, now);
  const find = async (context: HubContext): Promise<Result<Caller | undefined>> => (await acting?.callers.find(context)) ?? ok(undefined);
  const printFor = (parts: PageParts, caller: Result<Caller | undefined>, status: number) =>
    print(assets, acting === undefined ? parts : { ...parts, who: (caller.ok && caller.value?.person.name) || "" }, status);
  const printNow: PrintPage = async (context, parts, status) => printFor({ ...parts, at: now() }, await find(context), status);
  const missing = (context: HubContext) => printNow(context, { title: "Not there", main: messagePage("Not there", NOT_THERE) }, 404);
  const page = (path: string, show: Show): PageRoute => ({
    path,
    async get(context) {
      const at = now();
      const caller = await find(context);
      const shown = await show(context.req.param(), new URL(context.req.url).searchParams, at, caller);
      return shown === undefined ? missing(context) : printFor({ at, ...shown }, caller, 200);
    },
  });
  const canAct = acting !== undefined;
  const acts = canAct ? createActingRoutes({ ...acting, views, readers, print: printNow, now, log, onSignOut }) : [];
  const look = () => lookAtPlaces(views, snapshots, others);
  const catalogPages = catalog === undefined ? {} : catalogShows(catalog, views, snapshots);
  const all = { ...shows(views, snapshots, look, canAct), ...compareShows(look), ...catalogPages };
  return {
    routes: [...Object.entries(all).map(([path, show]) => page(path, show)), searchRoute(views), ...acts, ...fileRoutes(assets)],
    missing,
    refusal(context, error) {
      const { status, title } = error.reason === "Forbidden" ? NOT_FOR_YOU : refusalOf(error, BROKEN);
      const to = new URL(context.req.url);
      const form = acting && status === 401 ? signInForm({ howTo: acting.people.howTo, to: `${to.pathname}${to.search}` }) : "";
      return printNow(context, { title, main: html`${messagePage(title, error.message)}${form}`, isStill: true }, status);
    },
    close() {
      snapshots.close();
      others?.close();
    },
  };
}

const NOT_FOR_YOU = { status: 403, title: "Not for you" };
const NOT_THERE = "Nothing of that name is here, or not any more.";

function fileRoutes(assets: Assets): readonly PageRoute[] {
  return Object.values(assets).map(({ path, type, body }) => ({
    path,
    isOpen: true,
    get: async () => new Response(body, { headers: { "content-type": type, "cache-control": "public, max-age=31536000, immutable" } }),
  }));
}

async function print(assets: Assets, parts: PageParts, status: number): Promise<Response> {
  const body = await printPage(parts, assets);
  const cache = parts.isStill ? "no-store" : "private, no-cache";
  return new Response(body, { status, headers: { "content-type": HTML_TYPE, "cache-control": cache } });
}

function shows(views: Views, snapshots: Snapshots, look: () => Promise<LookAtPlaces>, canAct: boolean): Readonly<Record<string, Show>> {
  /** A page with the fleet on it, which is of that look's moment. */
  const withFleet = async (show: (fleet: FleetSnapshot) => ShownWithFleet | Promise<ShownWithFleet>): Promise<Shown> => {
    const { fleet, isBehind } = await snapshots.take();
    return { ...(await show(fleet)), at: fleet.at, isBehind };
  };
  const wavesOf = createWaveLooks(views);
  const authorOf = authorsIn(views);
  return {
    "/": (_params, _query, at) =>
      withFleet((fleet) => {
        const filters = views.filters();
        const main = overviewPage({ rows: filters.map(filterRow), fleet, changes: changesOf(filters), authorOf, now: at });
        return { title: "Overview", section: "/", main };
      }),
    "/filters": (_params, query, at) => ({
      title: "Filters",
      section: "/filters",
      main: filtersPage(views.filters().map(filterRow), query, at),
    }),
    "/filters/:namespace/:name": async ({ namespace = "", name = "" }, query, at, caller) => {
      const key = { namespace, name };
      const filter = findFilter(views, key);
      if (filter === undefined) return undefined;
      const leave = await leaveFor(caller, key);
      const bar = html`${doneNote(query.get("done"))}${actionBar(filter, leave, at)}`;
      const acts = canAct ? { acts: { bar, mayRollBack: leave.may } } : {};
      return withFleet(async (fleet) => {
        const groups = fleet.groups.filter((group) => group.filter === `${namespace}/${name}`);
        const known = { revisions: views.revisions(key), waveCount: views.waveCount(key), waves: await wavesOf(key, fleet) };
        const main = filterPage({ filter, ...known, groups, now: at, ...acts });
        return { title: `${namespace}/${name}`, section: "/filters", main };
      });
    },
    "/filters/:namespace/:name/diff": ({ namespace = "", name = "" }, query) => {
      const main = diffPage({ namespace, name }, views.revisions({ namespace, name }), query);
      return main && { title: `Revisions of ${namespace}/${name}`, section: "/filters", main };
    },
    "/fleet": async (_params, query) => {
      const { places, fleet, at, isBehind } = await look();
      return { title: "Fleet", section: "/fleet", main: fleetPage(fleet, places, query), at, isBehind };
    },
    "/fleet/proxy": (_params, query) => {
      const proxy = views.proxy(query.get("namespace") ?? "", query.get("id") ?? "");
      return proxy && { title: proxy.id, section: "/fleet", main: proxyPage(proxy) };
    },
    "/digests/:digest": ({ digest = "" }, _query, at) => {
      if (!isDigest(digest)) return undefined;
      return withFleet((fleet) => {
        const main = digestPage({ digest, filters: views.filters(), fleet, authorOf, now: at });
        return { title: digest.slice(0, 19), section: "/fleet", main };
      });
    },
    "/history": (_params, query, at) => ({
      title: "History",
      section: "/history",
      main: historyPage(changesOf(views.filters()), authorOf, query, at),
    }),
  };
}

/** One field finds filters, proxies and digests. */
function searchRoute(views: Views): PageRoute {
  return {
    path: "/search",
    async get({ req }) {
      const location = searchTarget(textIn(new URL(req.url).searchParams, "q"), views.filters());
      return new Response(null, { status: 303, headers: { location } });
    },
  };
}
