import type { Chain, ChainEntry } from "../../model/delivery.ts";
import { filterId } from "../../model/filter.ts";
import type { PluginSettings } from "../../model/settings.ts";

/** A setting that came into Envoy late: the field of the spec, whether it is asked for, and the first version that has it. */
interface Late {
  readonly field: string;
  readonly asks: (settings: PluginSettings) => boolean;
  readonly since: readonly [major: number, minor: number];
}

const LATE: readonly Late[] = [
  {
    // PluginConfig.allow_on_headers_stop_iteration: https://www.envoyproxy.io/docs/envoy/v1.35.0/api-v3/extensions/wasm/v3/wasm.proto
    field: "spec.allowOnHeadersStopIteration",
    asks: ({ allowOnHeadersStopIteration }) => allowOnHeadersStopIteration === true,
    since: [1, 35],
  },
];

/**
 * Why an Envoy of this version cannot do what one of the filters it is offered asks for; `undefined`: it can. One that lacks a field rejects it with words that
 * name no field, or, where unknown fields are allowed, ignores it: a filter would then hang in silence. `version`: e.g. `1.40.0`; an empty one counts as too old.
 * `isOffered` is asked only of an entry with such a setting.
 */
export function whyUnfit(chain: Chain, version: string, isOffered: (entry: ChainEntry) => boolean): string | undefined {
  for (const entry of chain) {
    const { filter, settings } = entry;
    const lacking = LATE.find(({ asks, since }) => asks(settings) && isOlder(version, since));
    if (lacking === undefined || !isOffered(entry)) continue;
    const what = version === "" ? "the proxy does not tell its version of Envoy" : `the proxy is Envoy ${version}`;
    return `${what}; ${lacking.field} of ${filterId(filter)} needs ${lacking.since.join(".")} or newer`;
  }
  return undefined;
}

function isOlder(version: string, [major, minor]: Late["since"]): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split(".").map(Number);
  return ownMajor < major || (ownMajor === major && ownMinor < minor);
}
