import type { Catalog, ImageDescription, Look, RepositorySummary } from "../../model/catalog.ts";
import { findCondition } from "../../model/condition.ts";
import type { WasmFilter, WasmFilterStatusHistoryItem } from "../../model/gen/wasmfilter.ts";
import { type Change, newestFirst } from "./changes.ts";
import type { FleetSnapshot } from "./fleet-snapshot.ts";
import { order } from "./rows.ts";

/** A filter that has a repository's image. */
export interface Use {
  readonly namespace: string;
  readonly name: string;
  /** As its manifest writes it. */
  readonly image: string;
}

/** What filters say of a repository, which every reader may know. */
export interface Usage {
  readonly uses: readonly Use[];
  /** The revisions that had an image of it, the newest first. */
  readonly had: readonly Change[];
}

const NO_USAGE: Usage = { uses: [], had: [] };

/** What filters say of repositories, by the names of those. */
export function usageOf(filters: readonly WasmFilter[], repositoryOf: (image: string) => string): ReadonlyMap<string, Usage> {
  const found = new Map<string, { uses: Use[]; had: Change[] }>();
  /** By image: a filter's history has the same few again and again. */
  const repositories = new Map<string, string>();
  const at = (image: string) => {
    const repository = repositories.get(image) ?? repositoryOf(image);
    repositories.set(image, repository);
    const known = found.get(repository) ?? { uses: [], had: [] };
    found.set(repository, known);
    return known;
  };
  for (const { metadata, spec, status } of filters) {
    const { namespace = "", name } = metadata;
    if (spec.image !== undefined) at(spec.image).uses.push({ namespace, name, image: spec.image });
    for (const item of status?.history ?? []) if (!/^https?:/.test(item.image)) at(item.image).had.push({ namespace, name, item });
  }
  for (const { had } of found.values()) had.sort(newestFirst);
  return found;
}

/** A repository as lists of them show it. */
export interface RepositoryRow {
  readonly name: string;
  /** The registry is read; else filters alone tell of it. */
  readonly isShown: boolean;
  readonly look: Look<RepositorySummary> | undefined;
  readonly usage: Usage;
}

/** The repositories that are chosen to be shown, and those that filters have. */
export async function repositoryRows(catalog: Catalog, filters: readonly WasmFilter[]): Promise<RepositoryRow[]> {
  const usage = usageOf(filters, catalog.repositoryOf);
  const shown = new Set(catalog.repositories);
  const names = [...shown, ...[...usage].flatMap(([name, { uses }]) => (shown.has(name) || uses.length === 0 ? [] : [name]))];
  const rows = names.map(async (name): Promise<RepositoryRow> => {
    const isShown = shown.has(name);
    const look = isShown ? await catalog.summary(name) : undefined;
    return { name, isShown, look, usage: usage.get(name) ?? NO_USAGE };
  });
  return (await Promise.all(rows)).sort((a, b) => order(a.name, b.name));
}

export function usageAt(catalog: Catalog, filters: readonly WasmFilter[], repository: string): Usage {
  return usageOf(filters, catalog.repositoryOf).get(repository) ?? NO_USAGE;
}

/** What a list of repositories shows. Absent: all. */
export interface RepositoryQuery {
  /** Found in the name, or in what the newest image says. */
  readonly q?: string | undefined;
  readonly keyword?: string | undefined;
  readonly licence?: string | undefined;
  /** What stands before the name: a registry, or a path in it. */
  readonly owner?: string | undefined;
  readonly used?: "yes" | "no" | undefined;
}

export function selectRepositories(rows: readonly RepositoryRow[], { q, keyword, licence, owner, used }: RepositoryQuery): RepositoryRow[] {
  const words = q?.toLowerCase();
  return rows.filter(({ name, look, usage }) => {
    const description = look?.value?.description;
    if (owner !== undefined && !name.startsWith(`${owner}/`)) return false;
    if (keyword !== undefined && description?.keywords.includes(keyword) !== true) return false;
    if (licence !== undefined && description?.licence !== licence) return false;
    if (used !== undefined && usage.uses.length > 0 !== (used === "yes")) return false;
    return words === undefined || textOf(name, description).includes(words);
  });
}

function textOf(name: string, description: ImageDescription | undefined): string {
  const { title, text, vendor, keywords = [] } = description ?? {};
  return [name, title, text, vendor, ...keywords].join("\n").toLowerCase();
}

/** What stands before the last part of a repository's name. `undefined`: it has no owner, as a folder has none. */
export function ownerOf(repository: string): string | undefined {
  const end = repository.lastIndexOf("/");
  return end < 1 || repository.startsWith("oci-layout:") ? undefined : repository.slice(0, end);
}

/** Where a repository's page is. The names of registries are such that no two pages meet: a host has a dot, a port or is `localhost`. */
export function repositoryPath(repository: string): string {
  const isPath = /^[a-z0-9.:/_-]+$/i.test(repository) && !repository.startsWith("oci-layout:");
  return isPath ? `/catalog/${repository}` : `/catalog/repository?${new URLSearchParams({ name: repository })}`;
}

export function ownerPath(owner: string): string {
  return `/catalog/owners/${owner}`;
}

/** What this Weir has found of a digest: its preflight passed when a filter took it, and proxies took it or not. */
export interface Verdict {
  readonly state: "proved" | "refused" | "unknown";
  /** What it is about: a filter that had it. */
  readonly by: { readonly namespace: string; readonly name: string } | undefined;
  /** What became of the newest revision that had it, for the filter. */
  readonly result: WasmFilterStatusHistoryItem["result"] | undefined;
  /** Why it was refused. */
  readonly message: string;
}

/** Of one of these manifests. What no filter ever took was not proved. */
export function verdictOf(manifests: readonly string[], filters: readonly WasmFilter[]): Verdict {
  const among: ReadonlySet<string> = new Set(manifests);
  let found: Verdict = { state: "unknown", by: undefined, result: undefined, message: "" };
  for (const { metadata, status } of filters) {
    const by = { namespace: metadata.namespace ?? "", name: metadata.name };
    const validated = findCondition(status, "Validated");
    const isResolved = status?.resolved?.digest !== undefined && among.has(status.resolved.digest);
    if (isResolved && validated?.status === "False")
      return { state: "refused", by, result: undefined, message: `${validated.reason}: ${validated.message}` };
    const item = status?.history?.find(({ digest }) => among.has(digest));
    if (item !== undefined) found = { state: "proved", by, result: item.result, message: item.message ?? "" };
  }
  return found;
}

/** How many times proxies have each digest of an image now. */
export function runCounts({ groups }: FleetSnapshot): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { digest, standing, count } of groups) if (standing !== "lost") counts.set(digest, (counts.get(digest) ?? 0) + count);
  return counts;
}

/** How many times they have one of these manifests. */
export function runsOf(manifests: readonly string[], counts: ReadonlyMap<string, number>): number {
  return [...new Set(manifests)].reduce((sum, digest) => sum + (counts.get(digest) ?? 0), 0);
}
