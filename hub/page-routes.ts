import type { Context } from "hono";
import type { Catalog } from "../model/catalog.ts";
import { isDigest } from "../model/digest.ts";
import { type Assets, readAssets } from "./assets.ts";
import { catalogShows } from "./catalog-routes.ts";
import { diffPage } from "./pages/diff.ts";
import { digestPage } from "./pages/digest.ts";
import { filterPage } from "./pages/filter.ts";
import { filtersPage } from "./pages/filters.ts";
import { fleetPage, proxyPage } from "./pages/fleet.ts";
import { changesOf, historyPage } from "./pages/history.ts";
import { type PageParts, printPage } from "./pages/layout.ts";
import { messagePage } from "./pages/message.ts";
import { overviewPage } from "./pages/overview.ts";
import { filterRow } from "./read/filter-row.ts";
import type { FleetSnapshot } from "./read/fleet-snapshot.ts";
import { textIn } from "./read/query.ts";
import { searchTarget } from "./read/search.ts";
import { createSnapshots, type Snapshots } from "./read/snapshots.ts";
import type { Views } from "./views.ts";

const HTML_TYPE = "text/html; charset=utf-8";

/** A page's path as hono writes it, and what stands there. */
export interface PageRoute {
  readonly path: string;
  get(context: Context): Promise<Response>;
}

/** What a page shows. `undefined`: there is no such thing. */
export type Shown = (Omit<PageParts, "at"> & Partial<Pick<PageParts, "at">>) | undefined;
/** What stands at a page's path. */
export type Show = (params: Readonly<Record<string, string>>, query: URLSearchParams, now: number) => Shown | Promise<Shown>;

/** The pages for people: they read, and change nothing. */
export interface Pages {
  readonly routes: readonly PageRoute[];
  /** What a browser gets where there is nothing, or where it may not look. */
  message(status: number, title: string, message: string): Promise<Response>;
  close(): void;
}

export interface PagesOptions {
  readonly views: Views;
  /** Absent: there are no pages of it. */
  readonly catalog?: Catalog | undefined;
  readonly now?: () => number;
}

export function createPages({ views, catalog, now = Date.now }: PagesOptions): Pages {
  const assets = readAssets();
  const snapshots = createSnapshots(views, now);
  const message = (status: number, title: string, text: string) =>
    print(assets, { title, main: messagePage(title, text), at: now() }, status);
  const page = (path: string, show: Show): PageRoute => ({
    path,
    async get({ req }) {
      const at = now();
      const shown = await show(req.param(), new URL(req.url).searchParams, at);
      return shown === undefined
        ? message(404, "Not there", "Nothing of that name is here, or not any more.")
        : print(assets, { at, ...shown });
    },
  });
  const all = { ...shows(views, snapshots), ...(catalog === undefined ? {} : catalogShows(catalog, views, snapshots)) };
  const files = Object.values(assets).map(({ path, type, body }) => ({
    path,
    get: async () => new Response(body, { headers: { "content-type": type, "cache-control": "public, max-age=31536000, immutable" } }),
  }));
  return {
    routes: [...Object.entries(all).map(([path, show]) => page(path, show)), searchRoute(views), ...files],
    message,
    close: () => snapshots.close(),
  };
}

async function print(assets: Assets, parts: PageParts, status = 200): Promise<Response> {
  const body = await printPage(parts, assets);
  return new Response(body, { status, headers: { "content-type": HTML_TYPE, "cache-control": "private, no-cache" } });
}

function shows(views: Views, snapshots: Snapshots): Readonly<Record<string, Show>> {
  /** A page with the fleet on it, which is of that look's moment. */
  const withFleet = async (show: (fleet: FleetSnapshot) => Omit<PageParts, "at" | "isBehind">): Promise<Shown> => {
    const { fleet, isBehind } = await snapshots.take();
    return { ...show(fleet), at: fleet.at, isBehind };
  };
  return {
    "/": (_params, _query, at) =>
      withFleet((fleet) => {
        const filters = views.filters();
        return { title: "Overview", section: "/", main: overviewPage(filters.map(filterRow), fleet, changesOf(filters), at) };
      }),
    "/filters": (_params, query, at) => ({
      title: "Filters",
      section: "/filters",
      main: filtersPage(views.filters().map(filterRow), query, at),
    }),
    "/filters/:namespace/:name": ({ namespace = "", name = "" }, _query, at) => {
      const filter = views.filters().find(({ metadata }) => metadata.namespace === namespace && metadata.name === name);
      if (filter === undefined) return undefined;
      return withFleet((fleet) => {
        const groups = fleet.groups.filter((group) => group.filter === `${namespace}/${name}`);
        const main = filterPage({ filter, revisions: views.revisions({ namespace, name }), groups, now: at });
        return { title: `${namespace}/${name}`, section: "/filters", main };
      });
    },
    "/filters/:namespace/:name/diff": ({ namespace = "", name = "" }, query) => {
      const main = diffPage({ namespace, name }, views.revisions({ namespace, name }), query);
      return main && { title: `Revisions of ${namespace}/${name}`, section: "/filters", main };
    },
    "/fleet": (_params, query) => withFleet((fleet) => ({ title: "Fleet", section: "/fleet", main: fleetPage(fleet, query) })),
    "/fleet/proxy": (_params, query) => {
      const proxy = views.proxy(query.get("namespace") ?? "", query.get("id") ?? "");
      return proxy && { title: proxy.id, section: "/fleet", main: proxyPage(proxy) };
    },
    "/digests/:digest": ({ digest = "" }, _query, at) => {
      if (!isDigest(digest)) return undefined;
      return withFleet((fleet) => {
        const main = digestPage(digest, views.filters(), fleet, at);
        return { title: digest.slice(0, 19), section: "/fleet", main };
      });
    },
    "/history": (_params, query, at) => ({
      title: "History",
      section: "/history",
      main: historyPage(changesOf(views.filters()), query, at),
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
