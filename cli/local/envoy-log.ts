/** A line of Envoy's own log. */
export interface EnvoyLine {
  /** `trace`, `debug`, `info`, `warning`, `error`, `critical` */
  readonly level: string;
  /** Of Envoy's parts: `wasm`, `main`. */
  readonly component: string;
  readonly text: string;
  /** Id (`namespace/name`) of the filter that logged it; `undefined`: Envoy did. */
  readonly filter: string | undefined;
}

/** Envoy's `--log-format`, in which a message has no line breaks. https://www.envoyproxy.io/docs/envoy/latest/operations/cli#cmdoption-log-format */
export const LOG_FORMAT = "%l %n %_";

/** How Envoy begins what a plugin logs: its name, its root id, and the id of its VM, which Weir makes of the name. */
const LOGGED = /^wasm log (\S+) (?:.*? )?\1\/[0-9a-f]{16}: ?(.*)$/s;

export function readEnvoyLine(line: string): EnvoyLine {
  const [, level = "info", component = "", text = line] = /^(trace|debug|info|warning|error|critical|off) (\S+) (.*)$/s.exec(line) ?? [];
  const [, filter, logged] = component === "wasm" ? (LOGGED.exec(text) ?? []) : [];
  return { level, component, text: logged ?? text, filter };
}
