import { hash } from "node:crypto";
import type { Chain, ChainEntry } from "../../model/delivery.ts";
import type { Digest } from "../../model/digest.ts";
import { type FilterKey, filterId } from "../../model/filter.ts";
import type { FilterType } from "../../model/settings.ts";
import { any, field, join, type Rope } from "../protobuf/wire.ts";
import { type Resource, typeUrls } from "../protocol/resource.ts";
import { type Copy, conditionOf, copiesOf } from "./copies.ts";
import type { Dialect } from "./dialect.ts";
import { MATCHED_TYPE, withMatcher } from "./matcher.ts";
import { passThrough, passThroughModule } from "./pass-through.ts";
import { placeholderModule } from "./placeholder.ts";
import { pluginConfig, pluginName } from "./plugin.ts";

/** Types inside the extension configs. */
export const FILTER_CHAIN_TYPE = "type.googleapis.com/envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig";
export const HTTP_WASM_TYPE = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
export const NETWORK_WASM_TYPE = "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm";

/** Part of every version. Raise it when the same entry encodes to other bytes than before, so that proxies take the new bytes. */
const ENCODING = 1;
/** FilterChainConfig.default_filter_chain, FilterChain.filters, Wasm.config. */
const DEFAULT_FILTER_CHAIN = 1;
const FILTERS = 1;
const WASM_CONFIG = 1;

/** `weir/<slot>`: the name of a slot's chain. */
export function chainName(slot: string): string {
  return `weir/${slot}`;
}

/** `weir/<slot>/<namespace>/<name>`: the name of one filter where each has its own resource. */
export function wasmName(slot: string, filter: FilterKey): string {
  return `${chainName(slot)}/${filterId(filter)}`;
}

/** What a resource name asks for: a slot's chain, or one filter of a slot. `undefined`: Weir does not serve such names. */
export function parseName(name: string): { readonly slot: string; readonly filter: FilterKey | undefined } | undefined {
  const [prefix, slot, namespace, filter, ...rest] = name.split("/");
  if (prefix !== "weir" || !slot || rest.length > 0) return undefined;
  if (namespace === undefined) return { slot, filter: undefined };
  return namespace && filter ? { slot, filter: { namespace, name: filter } } : undefined;
}

/** The version of `chainResource` of these, without encoding it. */
export function chainVersion(slot: string, chain: Chain, dialect: Dialect): string {
  return version(chainName(slot), httpEntries(chain), dialect);
}

/**
 * The HTTP filters of a slot as one resource: FilterChainConfig in their order. Network filters of the chain are not part of it.
 *
 * Envoy remembers the last config it was sent, even one that it rejected, and acknowledges the same bytes again without applying them. Where a rejection may
 * have been lost with its connection, the same content must therefore be sent with another `attempt`: that changes the bytes, not the version.
 * `version`: the result of `chainVersion`, if the caller has it already.
 */
export function chainResource(
  slot: string,
  chain: Chain,
  dialect: Dialect,
  attempt: string,
  version = chainVersion(slot, chain, dialect),
): Resource {
  const entries = httpEntries(chain);
  return extension(chainName(slot), version, FILTER_CHAIN_TYPE, entries, dialect, (code) => {
    const filters = entries.map((entry) => {
      const config = pluginFilter(entry, codeOf(entry, code), dialect, attempt);
      return field(FILTERS, typedExtensionConfig(pluginName(entry), filterType(entry), config));
    });
    // Envoy rejects a chain without filters. The valid form of an empty chain is none at all.
    return filters.length === 0 ? [] : field(DEFAULT_FILTER_CHAIN, filters.flat());
  });
}

/** The version of `wasmResource` of these. */
export function wasmVersion(slot: string, entry: ChainEntry, dialect: Dialect): string {
  return version(wasmName(slot, entry.filter), [entry], dialect);
}

/** One filter as its own resource: every filter of a proxy of the `filters` form, and the network filters of any proxy. `attempt`: see `chainResource`. */
export function wasmResource(slot: string, entry: ChainEntry, dialect: Dialect, attempt: string): Resource {
  return extension(wasmName(slot, entry.filter), wasmVersion(slot, entry, dialect), filterType(entry), [entry], dialect, (code) =>
    pluginFilter(entry, codeOf(entry, code), dialect, attempt),
  );
}

/**
 * Fills the place of a filter that is gone or not meant for this proxy, with a plugin that lets everything pass. To remove the resource instead would
 * make Envoy answer 5xx for as long as its listener names it.
 */
export function passThroughResource(slot: string, filter: FilterKey, type: FilterType, dialect: Dialect, attempt: string): Resource {
  const entry = passThrough(filter, type);
  return extension(wasmName(slot, filter), wasmVersion(slot, entry, dialect), wasmType(type), [], dialect, () =>
    wasm(entry, passThroughModule, dialect, attempt),
  );
}

/** The config inside `passThroughResource`, encoded without its Any. */
export function passThroughConfig(filter: FilterKey, type: FilterType, dialect: Dialect): Uint8Array {
  return join(wasm(passThrough(filter, type), passThroughModule, dialect, "none"));
}

/** The type of an entry's config. */
function filterType(entry: Copy): string {
  return conditionOf(entry) === undefined ? wasmType(entry.type) : MATCHED_TYPE;
}

/** The config of an entry: its plugin, and where that sees some requests only, the rule that says which. */
function pluginFilter(entry: Copy, code: Uint8Array, dialect: Dialect, attempt: string): Rope {
  const condition = conditionOf(entry);
  const plugin = wasm(entry, code, dialect, attempt);
  if (condition === undefined) return plugin;
  return withMatcher(condition, typedExtensionConfig(pluginName(entry), wasmType(entry.type), plugin));
}

/** The type of a plugin's config. */
export function wasmType(type: FilterType): string {
  return type === "HTTP" ? HTTP_WASM_TYPE : NETWORK_WASM_TYPE;
}

function wasm(entry: ChainEntry, code: Uint8Array, dialect: Dialect, attempt: string): Rope {
  return field(WASM_CONFIG, pluginConfig(entry, code, dialect, attempt));
}

type Code = ReadonlyMap<Digest, Uint8Array>;

function codeOf({ wasmDigest, placeholder }: ChainEntry, code: Code): Uint8Array {
  if (placeholder !== undefined) return placeholderModule;
  const bytes = code.get(wasmDigest);
  if (bytes === undefined) throw new Error(`a resource is encoded without its module ${wasmDigest}`);
  return bytes;
}

function httpEntries(chain: Chain): readonly Copy[] {
  return chain.filter((entry) => entry.type === "HTTP").flatMap(copiesOf);
}

/** An envoy.config.core.v3.TypedExtensionConfig of this name holding the encoded message. */
function typedExtensionConfig(name: string, typeUrl: string, message: Rope): Rope {
  return [...field(1, [Buffer.from(name)]), ...field(2, any(typeUrl, message))];
}

/** A TypedExtensionConfig resource with a config of this type. `entries`: those whose modules `config` needs. */
function extension(
  name: string,
  version: string,
  typeUrl: string,
  entries: Chain,
  dialect: Dialect,
  config: (code: Code) => Rope,
): Resource {
  const isConfidential = entries.some(({ isSecret }) => isSecret === true);
  return {
    formerVersion: formerVersion(name, entries, dialect),
    confidential: isConfidential ? entries.map(({ filter }) => filterId(filter)) : undefined,
    typeUrl: typeUrls.extensionConfig,
    name,
    version,
    modules: [...new Set(entries.filter(({ placeholder }) => placeholder === undefined).map(({ wasmDigest }) => wasmDigest))],
    encode: (code) => any(typeUrls.extensionConfig, typedExtensionConfig(name, typeUrl, config(code))),
  };
}

/** An entry's hash covers its module and settings. Its capabilities follow from them, but not in the same way in every version of Weir. */
function version(name: string, entries: Chain, { restriction }: Dialect, hashOf = ({ hash }: ChainEntry) => hash): string {
  const content = JSON.stringify([
    ENCODING,
    restriction,
    name,
    entries.map((entry) => [filterId(entry.filter), entry.type, hashOf(entry), entry.capabilities]),
  ]);
  return hash("sha256", content).slice(0, 32);
}

/** True for a text that is written as our versions are. */
export function isVersion(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** The version under which an earlier version of Weir served this; `undefined`: the same, or it never did. */
function formerVersion(name: string, entries: Chain, dialect: Dialect): string | undefined {
  if (entries.every(({ formerHash }) => formerHash === undefined)) return undefined;
  return version(name, entries, dialect, ({ formerHash, hash }) => formerHash ?? hash);
}
