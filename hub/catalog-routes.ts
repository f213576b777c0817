import type { Catalog, CatalogImage, RepositoryImages } from "../model/catalog.ts";
import type { Show, Shown } from "./page-routes.ts";
import { catalogPage } from "./pages/catalog.ts";
import { markdown } from "./pages/markdown.ts";
import { repositoryPage } from "./pages/repository.ts";
import { repositoryRows, usageAt } from "./read/catalog.ts";
import { textIn } from "./read/query.ts";
import type { Snapshots } from "./read/snapshots.ts";
import type { Views } from "./views.ts";

/** Where a README's heading stands: below that of its part of the page. */
const README_BELOW = 2;

/** The pages of the catalog. Registries are asked beside them: a page shows what is known, and how old that is. */
export function catalogShows(catalog: Catalog, views: Pick<Views, "filters">, snapshots: Snapshots): Readonly<Record<string, Show>> {
  const list = async (query: URLSearchParams, at: number, owner?: string): Promise<Shown> => {
    const rows = await repositoryRows(catalog, views.filters());
    if (owner !== undefined && !rows.some(({ name }) => name.startsWith(`${owner}/`))) return undefined;
    const isBehind = rows.some(({ look }) => look?.isReading === true);
    return { title: owner ?? "Catalog", section: "/catalog", main: catalogPage(rows, query, at, owner), isBehind };
  };
  const one = (name: string, query: URLSearchParams, at: number) => showRepository({ catalog, views, snapshots }, name, query, at);
  return {
    "/catalog": (_params, query, at) => list(query, at),
    "/catalog/owners/:owner{.+}": ({ owner = "" }, query, at) => list(query, at, owner),
    "/catalog/repository": (_params, query, at) => one(query.get("name") ?? "", query, at),
    "/catalog/:name{.+}": ({ name = "" }, query, at) => one(name, query, at),
  };
}

interface Sources {
  readonly catalog: Catalog;
  readonly views: Pick<Views, "filters">;
  readonly snapshots: Snapshots;
}

async function showRepository({ catalog, views, snapshots }: Sources, name: string, query: URLSearchParams, now: number): Promise<Shown> {
  const filters = views.filters();
  const usage = usageAt(catalog, filters, name);
  const isShown = catalog.repositories.includes(name);
  if (!isShown && usage.uses.length + usage.had.length === 0) return undefined;
  const look = isShown ? await catalog.images(name) : undefined;
  const image = imageIn(look?.value, textIn(query, "tag"));
  // Of what the registry listed alone: nobody makes this server ask for another digest.
  const readme = image?.digest === undefined ? undefined : await catalog.readme(name, image.digest);
  const text = readme?.value?.readme?.text;
  const printedReadme = text === undefined ? undefined : await markdown(text, README_BELOW);
  const { fleet } = await snapshots.take();
  const main = repositoryPage({ name, look, image, readme, printedReadme, usage, filters, fleet, now });
  return { title: name, section: "/catalog", main, isBehind: look?.isReading === true || readme?.isReading === true };
}

/** The image of the tag, or the newest that can be read. */
function imageIn(value: RepositoryImages | undefined, tag: string | undefined): CatalogImage | undefined {
  const readable = (value?.images ?? []).filter(({ digest }) => digest !== undefined);
  return readable.find(({ tags }) => tag !== undefined && tags.includes(tag)) ?? readable[0];
}
