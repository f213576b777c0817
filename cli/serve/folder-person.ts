import { fieldsOf } from "../../base/json.ts";
import { digestOf } from "../../model/digest.ts";
import { printExactJson } from "../../model/exact-json.ts";
import { type FilterKey, filterId } from "../../model/filter.ts";
import { type FilterPatch, patchedFields } from "../../model/filter-patch.ts";
import { API_VERSION, KIND, type WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { Fields } from "../../model/kube.ts";
import type { PatchOptions, Person } from "../../model/people.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { describeProblems, problemsOf, readFolder, withoutNulls } from "../../operator/index.ts";
import { patchFolder } from "../fleet/folder.ts";

/** An editor of the token file: changes the manifests of a folder, of all namespaces or of one. */
export class FolderPerson implements Person {
  readonly name: string;
  readonly groups = [];
  readonly until = undefined;
  readonly #dir: string;
  readonly #namespace: string | undefined;

  constructor(dir: string, { name, namespace }: { readonly name: string; readonly namespace: string | undefined }) {
    this.#dir = dir;
    this.name = name;
    this.#namespace = namespace;
  }

  mayRead = async () => ok(true);
  may: Person["may"] = async (_right, { namespace }) => ok(this.#edits(namespace));

  async read(key: FilterKey): Promise<Result<WasmFilter>> {
    const found = await this.#find(key);
    return found.ok ? ok(filterOf(key, found.value)) : found;
  }

  async patch(key: FilterKey, patch: FilterPatch, { resourceVersion, dryRun }: PatchOptions): Promise<Result<WasmFilter>> {
    if (!this.#edits(key.namespace)) return fail("Forbidden", `${this.name} may change filters of namespace ${this.#namespace} alone`);
    const found = await this.#find(key);
    if (!found.ok) return found;
    if (versionOf(found.value) !== resourceVersion)
      return fail("Conflict", `the manifest of ${filterId(key)} was changed meanwhile; look at it again`);
    const after = patched(found.value, patch);
    const problems = problemsOf(after);
    if (problems.length > 0) return fail("Invalid", `WasmFilter ${filterId(key)}: ${describeProblems(problems)}`);
    if (dryRun) return ok(filterOf(key, after));
    const done = await patchFolder(this.#dir, key, patch);
    if (!done.ok) return done.error.retryable ? failForNow("Unavailable", done.error.message) : fail("Invalid", done.error.message);
    return ok(filterOf(key, after));
  }

  #edits(namespace: string): boolean {
    return this.#namespace === undefined || this.#namespace === namespace;
  }

  async #find(key: FilterKey): Promise<Result<Fields>> {
    const folder = await readFolder(this.#dir);
    if (!folder.ok) return failForNow("Unavailable", folder.error.message);
    const placed = folder.value.filters.get(filterId(key));
    return placed === undefined ? fail("NotFound", `no manifest holds WasmFilter ${filterId(key)}`) : ok(withoutNulls(placed.fields));
  }
}

/** A manifest has no version: what it holds is one. */
function versionOf(fields: Fields): string {
  return digestOf(printExactJson(fields));
}

function filterOf({ namespace, name }: FilterKey, fields: Fields): WasmFilter {
  const metadata = { ...fieldsOf(fields.metadata), name, namespace, resourceVersion: versionOf(fields) };
  return { ...fields, apiVersion: API_VERSION, kind: KIND, metadata, spec: fieldsOf(fields.spec) } as WasmFilter;
}

function patched(fields: Fields, patch: FilterPatch): Fields {
  const after: Record<string, unknown> = { ...fields };
  for (const { path, value } of patchedFields(patch)) {
    let parent = after;
    for (const name of path.slice(0, -1)) {
      const child = { ...fieldsOf(parent[name]) };
      parent[name] = child;
      parent = child;
    }
    const last = path.at(-1) ?? "";
    if (value === null) delete parent[last];
    else parent[last] = value;
  }
  return after;
}
