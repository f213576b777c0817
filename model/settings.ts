import { isDeepStrictEqual } from "node:util";
import { printExactJson } from "./exact-json.ts";
import type { WasmFilterSpec } from "./gen/wasmfilter.ts";
import { areMatches, type RequestMatch, showMatches } from "./match.ts";
import { isConfigBytes, type PluginConfiguration } from "./plugin-configuration.ts";

export type FilterType = "HTTP" | "Network";
export type FailurePolicy = "Reload" | "Closed" | "Open";

/** Everything that reaches the proxy besides the module: with the module's digest it is what a revision pins. Each has its row in `SETTINGS`. */
export interface PluginSettings extends PluginConfiguration {
  readonly type: FilterType;
  readonly slot: string;
  readonly priority: number;
  readonly rootId: string;
  readonly failurePolicy: FailurePolicy;
  /** Empty in a filter whose configuration is elsewhere (`Filter.configFrom`), and in records where that is a Secret. */
  readonly config: string;
  readonly env: readonly { readonly name: string; readonly value: string }[];
  /** Function names the plugin may call or be called by; `undefined` = no restriction was asked: exactly what it imports. */
  readonly capabilities: readonly string[] | undefined;
  /** StopIteration from a headers callback stops the headers alone, and the body is read meanwhile. Else it stops both. */
  readonly allowOnHeadersStopIteration: true | undefined;
  /** The plugin sees the requests that are of one of these kinds; `undefined`: all of them. */
  readonly match: readonly RequestMatch[] | undefined;
}

/** All that Weir knows of one setting. Parsing, identity, records and the differences between revisions follow from it. */
export interface Setting<T> {
  /** What a spec that says nothing asks for. Identities leave it out, so it must never change (see operator/filter/revision-identity.ts). */
  readonly default: T;
  /** What a spec asks for; `undefined` where it says nothing. */
  readonly ask: (spec: WasmFilterSpec) => T | undefined;
  /** True for a value of the right shape. Values read from a disk or a cluster may have any shape. */
  readonly isSound: (value: unknown) => boolean;
  /** The value in a few words, for people. Without it only the name is shown: the value may be long, or private. */
  readonly show?: (value: T) => string;
}

export type SettingName = keyof PluginSettings;

/** The settings, in the order in which they are shown. A new one is a field above, a row here, and its place in the proxy's configuration (xds). */
export const SETTINGS: { readonly [Name in SettingName]: Setting<PluginSettings[Name]> } = {
  type: text("HTTP", ({ type }) => type),
  slot: text("default", ({ slot }) => slot),
  priority: { default: 0, ask: ({ priority }) => priority, isSound: Number.isInteger, show: String },
  rootId: text("", ({ rootId }) => rootId),
  failurePolicy: text("Reload", ({ failurePolicy }) => failurePolicy),
  config: text("", ({ config }) => configText(config)),
  // Only a Secret or a ConfigMap has bytes.
  configBytes: { default: undefined, ask: () => undefined, isSound: isConfigBytes },
  env: { default: [], ask: ({ env }) => env, isSound: (value) => Array.isArray(value) && value.every(isVariable) },
  capabilities: {
    default: undefined,
    ask: ({ capabilities }) => capabilities?.allow,
    isSound: (value) => Array.isArray(value) && value.every(isText),
  },
  allowOnHeadersStopIteration: {
    // Not false: what is undefined is not in records, and those from before this setting stay byte for byte what they are.
    default: undefined,
    ask: ({ allowOnHeadersStopIteration }) => allowOnHeadersStopIteration || undefined,
    isSound: (value) => value === true,
    show: (value) => String(value === true),
  },
  match: { default: undefined, ask: ({ match }) => match as readonly RequestMatch[] | undefined, isSound: areMatches, show: showMatches },
};

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** Settings where the spec asks for nothing: the CRD's defaults. */
export const DEFAULT_SETTINGS: PluginSettings = build((name) => SETTINGS[name].default);

/** What a spec asks for, defaults filled in. */
export function askedSettings(spec: WasmFilterSpec): PluginSettings {
  return build((name) => SETTINGS[name].ask(spec) ?? SETTINGS[name].default);
}

/**
 * Reads the settings of a record. A setting that the record lacks gets its default: the record is older than the setting. Unknown settings are dropped.
 * `undefined` if a value has a wrong shape.
 */
export function readSettings(record: Readonly<Record<string, unknown>>): PluginSettings | undefined {
  const isSound = SETTING_NAMES.every((name) => record[name] === undefined || SETTINGS[name].isSound(record[name]));
  return isSound ? build((name) => record[name] ?? SETTINGS[name].default) : undefined;
}

/** Names of the settings that differ, in the order in which they are shown. */
export function changedSettings(a: PluginSettings, b: PluginSettings): readonly SettingName[] {
  return SETTING_NAMES.filter((name) => !isDeepStrictEqual(a[name], b[name]));
}

/** A setting's value in a few words; `undefined` if only its name may be shown. */
export function showSetting(settings: PluginSettings, name: SettingName): string | undefined {
  const { show } = SETTINGS[name] as Setting<unknown>;
  return show?.(settings[name]);
}

function build(pick: (name: SettingName) => unknown): PluginSettings {
  return Object.fromEntries(SETTING_NAMES.map((name) => [name, pick(name)])) as unknown as PluginSettings;
}

function text<T extends string>(value: T, ask: Setting<T>["ask"]): Setting<T> {
  return { default: value, ask, isSound: isText, show: (shown) => (shown === "" ? "none" : shown) };
}

/** The text that the plugin receives: a string as it is, anything else as JSON. Its keys come as the source gave them: an API server does not keep their order. */
function configText(config: unknown): string | undefined {
  if (config === undefined || config === null) return undefined;
  return typeof config === "string" ? config : printExactJson(config);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isVariable(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { name, value: content } = value as Readonly<Record<string, unknown>>;
  return isText(name) && isText(content);
}
