import { isBase64 } from "../../../base/base64.ts";
import type { Fields } from "../../parse/defaults.ts";
import { isFields } from "../../parse/defaults.ts";
import type { Data, Versioned } from "../data.ts";
import { type Manifest, manifestId } from "./manifest.ts";

/** One manifest file: its objects when it could last be read, and what is wrong with it now. */
export interface ManifestFile extends Manifest {
  /** Which state of the file that was: equal versions have equal contents. `undefined`: not known. */
  readonly version?: string | undefined;
}

export interface Placed {
  readonly file: string;
  readonly fields: Fields;
}

/** The objects that all files together describe, each by `namespace/name`. */
export interface Assembly {
  readonly filters: ReadonlyMap<string, Placed>;
  readonly secrets: ReadonlyMap<string, Versioned>;
  readonly configMaps: ReadonlyMap<string, Versioned>;
  /** By name. */
  readonly policies: ReadonlyMap<string, Placed>;
  /** By name. */
  readonly namespaces: ReadonlyMap<string, Placed>;
  /** File -> what is wrong in it; "" is the folder itself. */
  readonly problems: ReadonlyMap<string, string>;
}

/** Combines the files. If several files hold an object, the first by path counts and the others are reported. */
export function assemble(files: ReadonlyMap<string, ManifestFile>): Assembly {
  const filters = new Map<string, Placed>();
  const secrets = new Map<string, Versioned>();
  const configMaps = new Map<string, Versioned>();
  const policies = new Map<string, Placed>();
  const namespaces = new Map<string, Placed>();
  const problems = new Map<string, string>();
  const owners = new Map<string, string>();
  for (const [file, { objects, problems: found, version }] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const messages = [...found];
    for (const { kind, namespace, name, fields, line } of objects) {
      const id = manifestId({ namespace, name });
      const owner = owners.get(`${kind} ${id}`);
      if (owner !== undefined) {
        messages.push(`line ${line}: ${kind} ${id} is in ${owner} already; that one counts, remove one of the two`);
        continue;
      }
      owners.set(`${kind} ${id}`, file);
      const report = (message: string): void => void messages.push(`line ${line}: ${kind} ${id}: ${message}`);
      if (kind === "WasmFilter") filters.set(id, { file, fields });
      else if (kind === "WasmPolicy") policies.set(id, { file, fields });
      else if (kind === "Namespace") namespaces.set(id, { file, fields });
      else if (kind === "Secret") secrets.set(id, { data: secretData(fields, report), version });
      else configMaps.set(id, { data: configMapData(fields, report), version });
    }
    if (messages.length > 0) problems.set(file, messages.join(" | "));
  }
  return { filters, secrets, configMaps, policies, namespaces, problems };
}

/** https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data: stringData wins over data. */
export function secretData(fields: Fields, report: (message: string) => void): Data {
  const data = new Map<string, Buffer>();
  decode(fields.data, "data", data, report);
  plain(fields.stringData, "stringData", data, report);
  return data;
}

/** https://kubernetes.io/docs/concepts/configuration/configmap/#configmap-object */
export function configMapData(fields: Fields, report: (message: string) => void): Data {
  const data = new Map<string, Buffer>();
  decode(fields.binaryData, "binaryData", data, report);
  const binary = [...data.keys()];
  plain(fields.data, "data", data, report);
  const { data: texts } = fields;
  // The API server takes no such ConfigMap, so neither of the two counts.
  for (const key of binary.filter((name) => isFields(texts) && Object.hasOwn(texts, name))) {
    report(`data.${key} is in binaryData too; keep one of the two`);
    data.delete(key);
  }
  return data;
}

function decode(values: unknown, path: string, data: Map<string, Buffer>, report: (message: string) => void): void {
  for (const [key, value] of entries(values, path, report)) {
    const text = typeof value === "string" ? value.replace(/\s/g, "") : undefined;
    if (text === undefined || !isBase64(text)) report(`${path}.${key} is not base64`);
    else data.set(key, Buffer.from(text, "base64"));
  }
}

function plain(values: unknown, path: string, data: Map<string, Buffer>, report: (message: string) => void): void {
  for (const [key, value] of entries(values, path, report)) {
    if (typeof value === "string") data.set(key, Buffer.from(value));
    else report(`${path}.${key} is not a string; put it in quotes`);
  }
}

function entries(values: unknown, path: string, report: (message: string) => void): [string, unknown][] {
  if (isFields(values)) return Object.entries(values);
  if (values !== undefined && values !== null) report(`${path} is not an object`);
  return [];
}
