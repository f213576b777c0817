import { hash } from "node:crypto";
import type { Chain, ChainEntry } from "../../model/delivery.ts";
import type { Digest } from "../../model/digest.ts";
import { type FilterKey, type FilterType, filterId } from "../../model/filter.ts";
import { any, field, join, type Rope, typedExtensionConfig } from "../protobuf/wire.ts";
import { type Resource, typeUrls } from "../protocol/resource.ts";
import type { Dialect } from "./dialect.ts";
import { passThrough, passThroughModule } from "./pass-through.ts";
import { pluginConfig } from "./plugin.ts";

/** Types inside the extension configs. */
export const FILTER_CHAIN_TYPE = "type.googleapis.com/envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig";
export const HTTP_WASM_TYPE = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
export const NETWORK_WASM_TYPE = "type.googleapis.com/envoy.extensions.filters.network.wasm.v3.Wasm";

/** Part of every version: raise it when the same entry encodes to other bytes than before, so that proxies take the new ones. */
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

/** What a resource name asks for: a slot's chain, or one filter of a slot. `undefined`: not one of ours. */
export function parseName(name: string): { readonly slot: string; readonly filter: FilterKey | undefined } | undefined {
  const [prefix, slot, namespace, filter, ...rest] = name.split("/");
  if (prefix !== "weir" || !slot || rest.length > 0) return undefined;
  if (namespace === undefined) return { slot, filter: undefined };
  return namespace && filter ? { slot, filter: { namespace, name: filter } } : undefined;
}

/** The version of `chainResource` of these, at no cost in bytes copied or hashed. */
export function chainVersion(slot: string, chain: Chain, dialect: Dialect): string {
  return version(chainName(slot), httpEntries(chain), dialect);
}

/**
 * The HTTP filters of a slot as one resource: FilterChainConfig in their order. Network filters of the chain are not part of it.
 *
 * Envoy remembers the last config it was sent, also when it refused it, and acknowledges the same again without looking. Where the refusal may have been
 * lost with its connection, the same content must therefore go out under another `attempt`: it changes the bytes, not the version.
 * `version`: what `chainVersion` says, for those who have asked it.
 */
export function chainResource(
  slot: string,
  chain: Chain,
  dialect: Dialect,
  attempt: string,
  version = chainVersion(slot, chain, dialect),
): Resource {
  const entries = httpEntries(chain);
  return extension(chainName(slot), version, FILTER_CHAIN_TYPE, entries, (code) => {
    const filters = entries.map((entry) => {
      const config = wasm(entry, codeOf(entry, code), dialect, attempt);
      return field(FILTERS, typedExtensionConfig(filterId(entry.filter), HTTP_WASM_TYPE, config));
    });
    // A chain with no filters is refused: no chain at all is the valid form of an empty one.
    return filters.length === 0 ? [] : field(DEFAULT_FILTER_CHAIN, filters.flat());
  });
}

/** The version of `wasmResource` of these. */
export function wasmVersion(slot: string, entry: ChainEntry, dialect: Dialect): string {
  return version(wasmName(slot, entry.filter), [entry], dialect);
}

/** One filter as its own resource: every filter of a proxy of the `filters` form, and the network filters of any proxy. `attempt`: see `chainResource`. */
export function wasmResource(slot: string, entry: ChainEntry, dialect: Dialect, attempt: string): Resource {
  return extension(wasmName(slot, entry.filter), wasmVersion(slot, entry, dialect), wasmType(entry.type), [entry], (code) =>
    wasm(entry, codeOf(entry, code), dialect, attempt),
  );
}

/**
 * Fills a slot of one filter whose filter is gone or not meant for this proxy: a plugin that lets everything pass. The resource must not
 * be removed instead: Envoy would answer 5xx for as long as its listener names it.
 */
export function passThroughResource(slot: string, filter: FilterKey, type: FilterType, dialect: Dialect, attempt: string): Resource {
  const entry = passThrough(filter, type);
  return extension(wasmName(slot, filter), wasmVersion(slot, entry, dialect), wasmType(type), [], () =>
    wasm(entry, passThroughModule, dialect, attempt),
  );
}

/** The config inside `passThroughResource`, encoded without its Any. */
export function passThroughConfig(filter: FilterKey, type: FilterType, dialect: Dialect): Uint8Array {
  return join(wasm(passThrough(filter, type), passThroughModule, dialect, "none"));
}

/** The type of a filter's config. */
export function wasmType(type: FilterType): string {
  return type === "HTTP" ? HTTP_WASM_TYPE : NETWORK_WASM_TYPE;
}

function wasm(entry: ChainEntry, code: Uint8Array, dialect: Dialect, attempt: string): Rope {
  return field(WASM_CONFIG, pluginConfig(entry, code, dialect, attempt));
}

type Code = ReadonlyMap<Digest, Uint8Array>;

function codeOf({ wasmDigest }: ChainEntry, code: Code): Uint8Array {
  const bytes = code.get(wasmDigest);
  if (bytes === undefined) throw new Error(`a resource is encoded without its module ${wasmDigest}`);
  return bytes;
}

function httpEntries(chain: Chain): Chain {
  return chain.filter((entry) => entry.type === "HTTP");
}

/** A TypedExtensionConfig with a config of this type. `entries`: those whose modules `config` needs. */
function extension(name: string, version: string, typeUrl: string, entries: Chain, config: (code: Code) => Rope): Resource {
  return {
    typeUrl: typeUrls.extensionConfig,
    name,
    version,
    modules: [...new Set(entries.map(({ wasmDigest }) => wasmDigest))],
    encode: (code) => any(typeUrls.extensionConfig, typedExtensionConfig(name, typeUrl, config(code))),
  };
}

/** An entry's hash stands for its module and settings. Its capabilities follow from them, but how may differ from one Weir to the next. */
function version(name: string, entries: Chain, { restriction }: Dialect): string {
  const content = JSON.stringify([
    ENCODING,
    restriction,
    name,
    entries.map((entry) => [filterId(entry.filter), entry.type, entry.hash, entry.capabilities]),
  ]);
  return hash("sha256", content).slice(0, 32);
}
