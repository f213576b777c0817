import type { Catalog } from "../../model/catalog.ts";
import type { ImpliedCredentials } from "../../model/module.ts";
import { ok, type Result } from "../../model/result.ts";
import { createCatalog, emptyKeychain, MAX_REPOSITORIES, type OciOptions, parseCatalogRepository } from "../../oci/index.ts";
import { readList } from "../args/list.ts";
import { usage } from "../args/usage.ts";

/** What the pages' catalog shows, besides what filters use. */
export interface CatalogChoice {
  readonly repositories: readonly string[];
  /** Weir's own credentials; `undefined`: there are none. */
  readonly credentials: ImpliedCredentials | undefined;
}

/** The repositories of --catalog, each once. */
export function readCatalog(values: readonly string[]): Result<readonly string[]> {
  const read = readList(values, "--catalog", parseCatalogRepository);
  if (!read.ok) return read;
  const repositories = [...new Set(read.value)].sort();
  return repositories.length > MAX_REPOSITORIES
    ? usage(`--catalog names ${repositories.length} repositories; ${MAX_REPOSITORIES} are the most`)
    : ok(repositories);
}

/** The catalog of a server; without a choice, none of its repositories is read. */
export function openCatalog(
  { repositories, credentials }: CatalogChoice = { repositories: [], credentials: undefined },
  oci: OciOptions,
): Catalog {
  const keychainFor = async (repository: string) => credentials?.keychainFor("", repository) ?? emptyKeychain;
  return createCatalog({ ...oci, repositories, keychainFor });
}
