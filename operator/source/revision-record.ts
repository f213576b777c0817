import { gunzipSync, gzipSync } from "node:zlib";
import { isRecord } from "../../base/json.ts";
import { isDigest } from "../../model/digest.ts";
import { bytesOf } from "../../model/plugin-configuration.ts";
import { type Failure, fail } from "../../model/result.ts";
import { type Author, type Revision, withoutSecretText } from "../../model/revision.ts";
import { readSettings } from "../../model/settings.ts";

/** Largest record, in bytes of JSON. etcd takes no request beyond 1.5 MiB, and the object around the record needs some. */
export const MAX_RECORD_BYTES = 1_500_000;
/** Configurations of more characters are kept compressed where that is shorter: as a JSON text in JSON, each quote takes two bytes. */
const PACK_FROM = 64 * 1024;
/** Most that a compressed configuration may hold. No object with one is larger. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024;

/** What is kept of a revision: all but a text that came from a Secret. The configuration is a string, or `{gzip}` with base64 of its compressed UTF-8. */
export function toRecord(revision: Revision): object {
  const { settings, ...rest } = withoutSecretText(revision);
  return { ...rest, settings: { ...settings, config: pack(settings.config) } };
}

/** Why the record is too large to be kept, wherever that is; `undefined`: it is not. Who made it is not counted: it is short, and a plan, which judges the same, does not know. */
export function recordProblem(revision: Revision): Failure | undefined {
  const { author: _, ...rest } = revision;
  const size = Buffer.byteLength(JSON.stringify(toRecord(rest)));
  return size <= MAX_RECORD_BYTES ? undefined : tooLarge(revision, size);
}

/** Reads a stored revision. `undefined` if it is damaged. */
export function fromRecord(value: unknown): Revision | undefined {
  if (!isRecord(value) || !isRecord(value.settings)) return undefined;
  const { number, image, digest, wasmDigest, capabilities, hash, time, secretConfig, loadMs, proof, told, verified } = value;
  const isSound =
    Number.isInteger(number) &&
    typeof image === "string" &&
    typeof digest === "string" &&
    isDigest(digest) &&
    typeof wasmDigest === "string" &&
    isDigest(wasmDigest) &&
    Array.isArray(capabilities) &&
    typeof hash === "string" &&
    typeof time === "string" &&
    (secretConfig === undefined || hasTexts(secretConfig, "name", "key")) &&
    (loadMs === undefined || (typeof loadMs === "number" && loadMs >= 0)) &&
    (proof === undefined || typeof proof === "string") &&
    (told === undefined || hasTexts(told, "reason", "message")) &&
    (verified === undefined || (Array.isArray(verified) && verified.every((each) => hasTexts(each, "requirement", "by"))));
  const settings = readSettings({ ...value.settings, config: unpack(value.settings.config) });
  if (!isSound || settings === undefined) return undefined;
  // A note for people: a revision is not lost for one that cannot be read.
  const { author, ...rest } = value as unknown as Revision;
  return { ...rest, ...(isAuthor(author) && { author }), settings };
}

function isAuthor(value: unknown): value is Author {
  if (!isRecord(value)) return false;
  const { generation, manager, cause } = value;
  return (
    (generation === undefined || typeof generation === "number") &&
    [manager, cause].every((text) => text === undefined || typeof text === "string")
  );
}

function hasTexts(value: unknown, ...names: readonly string[]): boolean {
  return isRecord(value) && names.every((name) => typeof value[name] === "string");
}

function pack(text: string): string | { readonly gzip: string } {
  if (text.length < PACK_FROM || !text.isWellFormed()) return text;
  const gzip = gzipSync(text).toString("base64");
  return gzip.length < Buffer.byteLength(JSON.stringify(text)) ? { gzip } : text;
}

/** The text of a record, or what makes the record one that cannot be read. */
function unpack(config: unknown): unknown {
  if (!isRecord(config) || typeof config.gzip !== "string") return config;
  try {
    return gunzipSync(Buffer.from(config.gzip, "base64"), { maxOutputLength: MAX_TEXT_BYTES }).toString("utf8");
  } catch {
    return config;
  }
}

function tooLarge({ settings }: Revision, size: number): Failure {
  const [takes, most, has] = [size, MAX_RECORD_BYTES, bytesOf(settings).length].map((bytes) => bytes.toLocaleString("en"));
  const message = `the record of the revision takes ${takes} bytes, ${most} at most; its configuration has ${has} bytes: make it smaller`;
  return fail("RevisionTooLarge", message).error;
}
