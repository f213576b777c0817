import { messageOf } from "../../../base/error.ts";
import { fieldsOf, isRecord, textsOf } from "../../../base/json.ts";
import { printExactJson } from "../../../model/exact-json.ts";
import type { Log } from "../../../model/log.ts";
import type { Fields } from "../../parse/defaults.ts";
import { type Policies, UNREAD_POLICIES } from "../policies.ts";
import type { Assembly, Placed } from "./assemble.ts";
import type { ManifestObject } from "./manifest.ts";
import type { FolderStore } from "./store.ts";

/** A policy or namespace of a folder, as it is kept for the next start: its file may be broken then. */
export interface StoredRule {
  readonly file: string;
  readonly kind: "WasmPolicy" | "Namespace";
  readonly name: string;
  readonly fields: Fields;
}

export interface KeptRulesOptions {
  readonly store: Pick<FolderStore, "loadRules" | "saveRules">;
  readonly log: Log;
  /** There is another snapshot. */
  readonly onChange: () => void;
}

/** The policies of a folder, with the labels of its namespaces. They survive a restart. */
export interface KeptRules {
  /** Reads what is stored. Returns it as objects of the files they came from. */
  load(onDamage: (path: string) => void): Promise<{ readonly file: string; readonly object: ManifestObject }[]>;
  /** Sets what the folder holds now. Resolves when it is on disk. A failed write is logged. */
  replace(assembly: Pick<Assembly, "policies" | "namespaces">): Promise<void>;
  snapshot(): Policies;
  /** True when a write failed. */
  pending(): boolean;
}

export function createKeptRules({ store, log, onChange }: KeptRulesOptions): KeptRules {
  let known: Policies = UNREAD_POLICIES;
  let saved = "[]";
  let told: string | undefined;
  return {
    async load(onDamage) {
      const rules = await store.loadRules(onDamage);
      saved = printExactJson(rules);
      return rules.map((rule) => ({ file: rule.file, object: manifestOf(rule) }));
    },
    async replace(assembly) {
      const rules = rulesOf(assembly);
      const now = printExactJson(rules);
      if (now !== told) {
        told = now;
        known = policiesOf(assembly);
        onChange();
      }
      if (now === saved) return;
      try {
        await store.saveRules(rules);
        saved = now;
      } catch (error) {
        log.error("the policies could not be kept for the next start; trying again", { error: messageOf(error) });
      }
    },
    snapshot: () => known,
    pending: () => told !== undefined && told !== saved,
  };
}

/** What is kept of an assembly. */
function rulesOf({ policies, namespaces }: Pick<Assembly, "policies" | "namespaces">): readonly StoredRule[] {
  const stored = (kind: StoredRule["kind"], all: ReadonlyMap<string, Placed>) =>
    Array.from(all, ([name, { file, fields }]) => ({ file, kind, name, fields }));
  return [...stored("WasmPolicy", policies), ...stored("Namespace", namespaces)];
}

/** What was kept, as an object of the file that it came from. */
function manifestOf({ kind, name, fields }: StoredRule): ManifestObject {
  return { kind, namespace: "", name, fields, line: 1, document: 0 };
}

/** Policies as a folder has them: a namespace without a manifest has the label of its name alone. */
export function policiesOf({ policies, namespaces }: Pick<Assembly, "policies" | "namespaces">): Policies {
  const labels = new Map(Array.from(namespaces, ([name, { fields }]) => [name, labelsOf(fields)]));
  return {
    objects: new Map(Array.from(policies, ([name, { fields }]) => [name, fields])),
    labels: (namespace) => labels.get(namespace) ?? {},
  };
}

/** An API server takes no labels but texts. */
export function labelsOf({ metadata }: Fields): Readonly<Record<string, string>> {
  return textsOf(fieldsOf(metadata).labels);
}

export function isStoredRule(value: unknown): value is StoredRule {
  if (!isRecord(value)) return false;
  const { file, kind, name, fields } = value;
  return typeof file === "string" && (kind === "WasmPolicy" || kind === "Namespace") && typeof name === "string" && isRecord(fields);
}
