import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { hasCode } from "../../base/error.ts";
import { isRecord } from "../../base/json.ts";
import { type Digest, isDigest } from "../../model/digest.ts";
import type { Log } from "../../model/log.ts";
import { hex, namesIn } from "./names.ts";

/**
 * Key spaces, a folder each: what one kind of source calls by a digest is never found under another's. `manifests`: a manifest -> its module.
 * `urls`: what a URL gave -> itself. `indexes`: an index -> its manifest.
 */
export type RecordKind = "manifests" | "urls" | "indexes";

/** Small JSON files, one for each digest. A file that is damaged is removed and logged. */
export interface Records {
  read(kind: RecordKind, digest: Digest): Promise<Record<string, unknown> | undefined>;
  write(kind: RecordKind, digest: Digest, record: object): Promise<void>;
  remove(kind: RecordKind, digest: Digest): Promise<void>;
  list(kind: RecordKind): Promise<NamedRecord[]>;
  /** Those that can be read. Changes nothing. */
  peek(kind: RecordKind): Promise<NamedRecord[]>;
}

export interface NamedRecord {
  readonly name: Digest;
  readonly record: Record<string, unknown>;
}

export function createRecords({ directory, log }: { readonly directory: string; readonly log: Log }): Records {
  const pathOf = (kind: RecordKind, digest: Digest) => join(directory, kind, `${hex(digest)}.json`);
  const remove = (kind: RecordKind, digest: Digest) => rm(pathOf(kind, digest), { force: true });

  async function read(kind: RecordKind, digest: Digest): Promise<Record<string, unknown> | undefined> {
    let text: string;
    try {
      text = await readFile(pathOf(kind, digest), "utf8");
    } catch (error) {
      if (!hasCode(error, "ENOENT")) log.error("a record of the module store cannot be read", { digest, error: String(error) });
      return undefined;
    }
    const record = parseRecord(text);
    if (record !== undefined) return record;
    log.warn("a damaged record of the module store was removed; its module will be pulled again", { digest });
    await remove(kind, digest);
    return undefined;
  }

  return {
    read,
    remove,
    write: (kind, digest, record) => writeFileAtomically(pathOf(kind, digest), `${JSON.stringify(record)}\n`),
    list: (kind) => listRecords(join(directory, kind), (name) => read(kind, name)),
    peek: (kind) =>
      listRecords(join(directory, kind), async (name) => parseRecord(await readFile(pathOf(kind, name), "utf8").catch(() => ""))),
  };
}

async function listRecords(folder: string, read: (name: Digest) => Promise<Record<string, unknown> | undefined>): Promise<NamedRecord[]> {
  const found: NamedRecord[] = [];
  for (const file of await namesIn(folder)) {
    const name = `sha256:${file.replace(/\.json$/, "")}`;
    const record = isDigest(name) ? await read(name) : undefined;
    if (isDigest(name) && record !== undefined) found.push({ name, record });
  }
  return found;
}

/** A record that leads to a module. */
export interface Lead {
  readonly kind: "manifests" | "urls";
  readonly name: Digest;
  readonly wasmDigest: Digest;
  /** Repositories that delivered it; a URL's has none. */
  readonly from: readonly string[];
}

/** All that lead to modules, by `list` or `peek` of the records. */
export async function leadsOf(list: Records["list"]): Promise<Lead[]> {
  const leads: Lead[] = [];
  for (const kind of ["manifests", "urls"] as const) {
    for (const { name, record } of await list(kind)) {
      const { wasmDigest, from } = record;
      if (isDigestValue(wasmDigest)) leads.push({ kind, name, wasmDigest, from: namesOf(from) });
    }
  }
  return leads;
}

/** The repositories that a record names. */
export function namesOf(from: unknown): readonly string[] {
  return Array.isArray(from) ? from.filter((name) => typeof name === "string") : [];
}

export function isDigestValue(value: unknown): value is Digest {
  return typeof value === "string" && isDigest(value);
}

/** `undefined`: the text is no JSON object. */
export function parseRecord(text: string): Record<string, unknown> | undefined {
  try {
    const record: unknown = JSON.parse(text);
    return isRecord(record) ? record : undefined;
  } catch {
    return undefined;
  }
}
