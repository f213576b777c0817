import { randomUUID } from "node:crypto";
import { readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder, TEMPORARY_PREFIX, writeFileAtomically } from "../../../base/atomic-file.ts";
import { hasCode } from "../../../base/error.ts";
import { parseExactJson, printExactJson } from "../../../model/exact-json.ts";
import type { FilterKey } from "../../../model/filter.ts";
import type { ObjectMeta, WasmFilterSpec, WasmFilterStatus } from "../../../model/gen/wasmfilter.ts";
import type { Revision } from "../../../model/revision.ts";
import { isFields } from "../../parse/defaults.ts";
import { isNamespace, isObjectName } from "../../parse/names.ts";
import { fromRecord, toRecord } from "../revision-record.ts";
import { isStoredRule, type StoredRule } from "./policies.ts";

/** What an API server would store of a WasmFilter: its identity, the last good spec and the status. */
export interface StoredFilter {
  /** The manifest that it comes from. */
  readonly file: string;
  readonly metadata: ObjectMeta & { readonly namespace: string; readonly uid: string; readonly generation: number };
  readonly spec: WasmFilterSpec;
  readonly status: WasmFilterStatus | undefined;
}

/**
 * Stores WasmFilters and their revisions in `dataDir/filters/NAMESPACE/NAME/`, policies and namespaces in `dataDir/policies.json`. Each write is atomic, and on disk when its promise resolves.
 * Secrets are not stored. Methods reject if the disk fails.
 */
export interface FolderStore {
  /** Everything stored. Damaged files are skipped and reported to `onDamage`. What a removal that was cut off left is removed. */
  load(onDamage: (path: string) => void): Promise<StoredFilter[]>;
  save(filter: StoredFilter): Promise<void>;
  loadRules(onDamage: (path: string) => void): Promise<readonly StoredRule[]>;
  saveRules(rules: readonly StoredRule[]): Promise<void>;
  /** Removes a filter with its revisions, all or nothing: a filter that gets the name later inherits none. */
  remove(key: FilterKey): Promise<void>;
  revisions(key: FilterKey, onDamage: (path: string) => void): Promise<Revision[]>;
  saveRevision(key: FilterKey, revision: Revision): Promise<void>;
  deleteRevision(key: FilterKey, number: number): Promise<void>;
}

export function createFolderStore(dataDir: string): FolderStore {
  const root = join(dataDir, "filters");
  const rulesFile = join(dataDir, "policies.json");
  const filterDir = (key: FilterKey): string => join(root, key.namespace, key.name);
  const revisionFile = (key: FilterKey, number: number): string => join(filterDir(key), "revisions", `${number}.json`);

  return {
    async load(onDamage) {
      const filters: StoredFilter[] = [];
      for (const entry of await names(root)) {
        // What cannot be removed now may be at the next start.
        if (entry.startsWith(TEMPORARY_PREFIX)) await removeAll(join(root, entry)).catch(() => {});
        if (!isNamespace(entry)) continue;
        for (const name of (await names(join(root, entry))).filter(isObjectName)) {
          const path = join(root, entry, name, "filter.json");
          const value = await readJson(path);
          if (isStoredFilter(value)) filters.push(value);
          else if (value !== undefined) onDamage(path);
          // Earlier versions removed one file after the other.
          else await removeAll(join(root, entry, name, "revisions")).catch(() => {});
        }
      }
      return filters;
    },
    async loadRules(onDamage) {
      const value = await readJson(rulesFile);
      if (value === undefined) return [];
      if (Array.isArray(value) && value.every(isStoredRule)) return value;
      onDamage(rulesFile);
      return [];
    },
    async saveRules(rules) {
      await writeFileAtomically(rulesFile, printExactJson(rules, 1));
    },
    async save(filter) {
      await writeFileAtomically(join(filterDir(filter.metadata), "filter.json"), printExactJson(filter, 1));
    },
    async remove(key) {
      const removed = join(root, `${TEMPORARY_PREFIX}${randomUUID()}`);
      try {
        await rename(filterDir(key), removed);
      } catch (error) {
        if (hasCode(error, "ENOENT")) return;
        throw error;
      }
      await syncFolder(dirname(filterDir(key)));
      await removeAll(removed);
    },
    async revisions(key, onDamage) {
      const dir = join(filterDir(key), "revisions");
      const revisions: Revision[] = [];
      for (const name of (await names(dir)).filter((entry) => /^\d+[.]json$/.test(entry))) {
        const revision = fromRecord(await readJson(join(dir, name)));
        if (revision === undefined) onDamage(join(dir, name));
        else revisions.push(revision);
      }
      return revisions.sort((a, b) => a.number - b.number);
    },
    async saveRevision(key, revision) {
      await writeFileAtomically(revisionFile(key, revision.number), JSON.stringify(toRecord(revision), undefined, 1));
    },
    async deleteRevision(key, number) {
      await rm(revisionFile(key, number), { force: true });
    },
  };
}

function removeAll(dir: string): Promise<void> {
  return rm(dir, { recursive: true, force: true });
}

async function names(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}

/**
 * `undefined` when there is no such file, `null` when it is not JSON. Rejects where the disk fails: what cannot be read for now is neither missing nor damaged, and
 * its filter would go on as a new one.
 */
async function readJson(path: string): Promise<unknown> {
  try {
    return parseExactJson(await readFile(path, "utf8"));
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    if (error instanceof SyntaxError || hasCode(error, "EISDIR")) return null;
    throw error;
  }
}

function isStoredFilter(value: unknown): value is StoredFilter {
  if (!isFields(value)) return false;
  const { file, metadata, spec } = value;
  if (typeof file !== "string" || !isFields(metadata) || spec === undefined) return false;
  return (
    isObjectName(metadata.name) &&
    isNamespace(metadata.namespace) &&
    typeof metadata.uid === "string" &&
    Number.isInteger(metadata.generation)
  );
}
