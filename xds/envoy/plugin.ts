import { hash } from "node:crypto";
import { allowedNames } from "../../model/capabilities.ts";
import type { ChainEntry } from "../../model/delivery.ts";
import { darkPlugin, filterId } from "../../model/filter.ts";
import { bytesOf } from "../../model/plugin-configuration.ts";
import type { FailurePolicy, PluginSettings } from "../../model/settings.ts";
import {
  type CapabilityRestrictionConfig,
  FailurePolicy as EnvoyFailurePolicy,
  PluginConfig,
  VmConfig,
} from "../gen/envoy/extensions/wasm/v3/wasm.ts";
import type { Any } from "../gen/google/protobuf/any.ts";
import { field, join, type Rope } from "../protobuf/wire.ts";
import type { Dialect } from "./dialect.ts";

/** Envoy hands what these hold to the plugin as it is: https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/wasm/v3/wasm.proto */
const STRING_VALUE = "type.googleapis.com/google.protobuf.StringValue";
const BYTES_VALUE = "type.googleapis.com/google.protobuf.BytesValue";
/** Field numbers of the path from the plugin down to its code. They are written by hand so that the code is never copied. */
const PLUGIN_VM_CONFIG = 3;
const VM_CODE = 3;
const ASYNC_DATA_SOURCE_LOCAL = 1;
const DATA_SOURCE_INLINE_BYTES = 2;

const failurePolicies: Record<FailurePolicy, EnvoyFailurePolicy> = {
  Reload: EnvoyFailurePolicy.FAIL_RELOAD,
  Closed: EnvoyFailurePolicy.FAIL_CLOSED,
  Open: EnvoyFailurePolicy.FAIL_OPEN,
};

/** How long Envoy answers 503 before it builds a new VM for one that failed: short the first time (Envoy's default is 1 s), longer each time after. */
const reloadConfig = { backoff: { baseInterval: { seconds: 0, nanos: 250_000_000 }, maxInterval: { seconds: 30, nanos: 0 } } };

/** The plugin's name inside Envoy, in its statistics and logs: the filter's, or `namespace/name@revision` for the new copy in a dark step. */
export function pluginName({ filter, revision, dark }: ChainEntry): string {
  return dark === undefined ? filterId(filter) : darkPlugin(filterId(filter), revision);
}

/** The encoded envoy.extensions.wasm.v3.PluginConfig of a filter. `code`: its module; `attempt`: see `chainResource`. */
export function pluginConfig(entry: ChainEntry, code: Uint8Array, dialect: Dialect, attempt: string): Rope {
  const { settings } = entry;
  const plugin = PluginConfig.encode({
    name: pluginName(entry),
    rootId: settings.rootId,
    configuration: configuration(settings),
    failurePolicy: failurePolicies[settings.failurePolicy],
    allowOnHeadersStopIteration: settings.allowOnHeadersStopIteration,
    reloadConfig: settings.failurePolicy === "Reload" ? reloadConfig : undefined,
    capabilityRestrictionConfig: dialect.restriction === "plugin" ? restriction(entry, attempt) : undefined,
  }).finish();
  return [plugin, ...field(PLUGIN_VM_CONFIG, vmConfig(entry, code, dialect, attempt))];
}

function vmConfig(entry: ChainEntry, code: Uint8Array, dialect: Dialect, attempt: string): Rope {
  const { env } = entry.settings;
  const vm = VmConfig.encode({
    vmId: vmId(entry),
    runtime: "envoy.wasm.runtime.v8",
    environmentVariables: env.length === 0 ? undefined : { keyValues: Object.fromEntries(env.map(({ name, value }) => [name, value])) },
    capabilityRestrictionConfig: dialect.restriction === "vm" ? restriction(entry, attempt) : undefined,
  }).finish();
  const source = field(ASYNC_DATA_SOURCE_LOCAL, field(DATA_SOURCE_INLINE_BYTES, [code]));
  return [vm, ...field(VM_CODE, source)];
}

/** The attempt is added to the names. No function has that name, so it changes the bytes and nothing else. */
function restriction(entry: ChainEntry, attempt: string): CapabilityRestrictionConfig {
  const names = [...allowedNames(entry.capabilities), `weir_attempt_${attempt}`];
  return { allowedCapabilities: Object.fromEntries(names.map((name) => [name, {}])) };
}

/**
 * Envoy keeps one VM per (vm_id, VM configuration, code). Environment variables, capabilities, failure policy and what StopIteration means are not in that key, so they are in the
 * id: otherwise a change to one of them alone would keep the old VM. The filter is in the id too, so that filters with the same module
 * do not share a VM, and a trap in one does not stop the others.
 */
export function vmId(entry: ChainEntry): string {
  const { env, failurePolicy, allowOnHeadersStopIteration } = entry.settings;
  const built = JSON.stringify([
    env.map(({ name, value }) => [name, value]),
    allowedNames(entry.capabilities),
    failurePolicy,
    // Only where it is asked for: ids that proxies have stay as they are.
    ...(allowOnHeadersStopIteration ? ["allowOnHeadersStopIteration"] : []),
  ]);
  return `${pluginName(entry)}/${hash("sha256", built).slice(0, 16)}`;
}

/** The value of both is their field 1. */
function configuration(settings: PluginSettings): Any | undefined {
  const bytes = bytesOf(settings);
  if (bytes.length === 0) return undefined;
  return { typeUrl: settings.configBytes === undefined ? STRING_VALUE : BYTES_VALUE, value: Buffer.from(join(field(1, [bytes]))) };
}
