import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { parse } from "yaml";
import { messageOf } from "../../base/error.ts";
import { isRecord } from "../../base/json.ts";
import type { Identity } from "../../model/identity.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Tokens } from "./authenticator.ts";

/** What a file of tokens lets in: each token's digest, and whom it stands for. The tokens themselves are not kept. */
export type TokenTable = ReadonlyMap<string, Identity>;

/** A token for each of 10,000 proxies. */
const MAX_TOKENS = 10_000;
/** 20 characters of base64 are 120 bits. https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
const TOKEN = /^[A-Za-z0-9._~+/-]{20,4096}=*$/;
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const FIELDS = new Set(["token", "namespace", "node", "role", "name"]);
/** Of a person, in one line of a log. */
const NAME = /^[\w.@+ -]{1,100}$/;

/** Digests are made with it, so that the time of a look-up tells nothing of a token that is there. */
const KEY = randomBytes(32);

function digestOf(token: string): Buffer {
  return createHmac("sha256", KEY).update(token).digest();
}

/**
 * Reads a file of tokens: a YAML list of `{token, namespace}` (any node of that namespace), `{token, namespace, node}` (that node),
 * `{token, role: reader}` and `{token, role: editor, name}`, with a `namespace` where it may edit in that one alone. Fails with `InvalidTokens`; the message names the entry and never holds a token.
 */
export function parseTokens(text: string): Result<TokenTable> {
  let entries: unknown;
  try {
    entries = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    return invalid(`is not YAML: ${messageOf(error).split("\n", 1)[0]}`);
  }
  if (!Array.isArray(entries)) return invalid("must be a list of entries with `token` and `namespace`, or `token` and `role: reader`");
  if (entries.length > MAX_TOKENS) return invalid(`has ${entries.length} entries, at most ${MAX_TOKENS} are taken`);
  const table = new Map<string, Identity>();
  for (const [index, entry] of entries.entries()) {
    const read = readEntry(entry);
    if (typeof read === "string") return invalid(`has an entry ${index + 1} that ${read}`);
    const digest = digestOf(read.token).toString("base64");
    if (table.has(digest)) return invalid(`has the token of entry ${index + 1} twice`);
    table.set(digest, read.identity);
  }
  return ok(table);
}

/** A text: what is wrong. */
function readEntry(entry: unknown): { readonly token: string; readonly identity: Identity } | string {
  if (!isRecord(entry)) return "is no map";
  const { token, namespace, node, role, name } = entry;
  const unknown = Object.keys(entry).find((key) => !FIELDS.has(key));
  if (unknown !== undefined)
    return `has the unknown field ${JSON.stringify(unknown.slice(0, 40))}; there are token, namespace, node, role and name`;
  if (typeof token !== "string" || !TOKEN.test(token)) return "has no token of 20 or more letters, digits and -._~+/; quote it";
  if (role === "editor") return readEditor(token, entry);
  if (name !== undefined) return "has a name and is no editor's; a proxy has a namespace and a node";
  if (role === "reader" && namespace === undefined && node === undefined) return { token, identity: { role, until: undefined } };
  if (role !== undefined) return "has a role that is not `reader` alone, and not `editor`; a proxy has a namespace and no role";
  if (typeof namespace !== "string" || !NAMESPACE.test(namespace)) return "has no namespace that can exist, and no role";
  if (node !== undefined && (typeof node !== "string" || node === "")) return "has a node that is no text";
  return { token, identity: { role: "proxy", namespace, nodeId: node, until: undefined } };
}

function readEditor(token: string, { namespace, node, name }: Readonly<Record<string, unknown>>): ReturnType<typeof readEntry> {
  if (node !== undefined) return "has a node, and is an editor's: a person is no proxy";
  if (typeof name !== "string" || !NAME.test(name)) return "is an editor's and has no name of letters, digits, spaces and .@+_-";
  if (namespace !== undefined && (typeof namespace !== "string" || !NAMESPACE.test(namespace))) return "has no namespace that can exist";
  return { token, identity: { role: "reader", until: undefined, edits: { name, namespace } } };
}

function invalid(why: string): Result<never> {
  return fail("InvalidTokens", why);
}

/** Tokens that can be replaced while calls are open. */
export interface LiveTokens extends Tokens {
  replace(table: TokenTable): void;
}

export function createTokens(first: TokenTable): LiveTokens {
  const listeners = new Set<() => void>();
  let table = first;
  return {
    find(text) {
      const digest = digestOf(text);
      const key = digest.toString("base64");
      const found = table.get(key);
      return found !== undefined && timingSafeEqual(Buffer.from(key, "base64"), digest) ? found : undefined;
    },
    replace(next) {
      table = next;
      for (const listener of listeners) listener();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
