import { readFile } from "node:fs/promises";
import { fail, ok, type Result } from "../../model/result.ts";
import type { FilterType } from "../../model/settings.ts";
import { DEFAULT_SETTINGS, type PluginSettings } from "../../model/settings.ts";
import { defineCommand } from "../args/command.ts";
import { readDuration } from "../args/duration.ts";
import { usage } from "../args/usage.ts";
import { outputFlag } from "../fleet/flags.ts";
import { findModule, maxModuleLoadFlag, registryFlags } from "../modules.ts";
import { printJson } from "../output.ts";
import { renderVerdict } from "../render/verdict.ts";

export const verify = defineCommand({
  name: "verify",
  summary: "Prove on this machine that a module loads, as the server does",
  about: `Runs the server's preflight on V8, the engine that runs filters in Envoy. Pass the filter's configuration too: a module that rejects its configuration
    does not load. Exit status 1 means that Envoy would reject the module; the message says why.`,
  args: { target: { value: "FILE|REF", completes: "file", help: "a .wasm file, or an image reference" } },
  flags: {
    config: { type: "string", short: "c", value: "TEXT|@FILE", help: "the plugin's configuration, as text or from a file", fallback: "" },
    "root-id": { type: "string", value: "ID", help: "root context, for modules that register several", fallback: "" },
    env: { type: "string", multiple: true, value: "NAME=VALUE", help: "an environment variable that the module sees" },
    type: { type: "string", help: "what kind of filter it is", choices: ["HTTP", "Network"], fallback: "HTTP" },
    "max-module-load": maxModuleLoadFlag,
    ...registryFlags,
    ...outputFlag,
  },
  examples: [
    { does: "with its configuration", command: `weir verify add-header.wasm --config '{"header":"x-weir"}'` },
    {
      does: "an image, with the configuration from a file",
      command: "weir verify registry.example/filters/add-header:1.2 --config @config.json",
    },
  ],
  async run({ flags, args }, terminal) {
    const env = parseEnv(flags.env);
    if (!env.ok) return env;
    const config = await readConfig(flags.config);
    if (!config.ok) return config;
    const maxLoad = readDuration(flags["max-module-load"], "--max-module-load", "10m");
    if (!maxLoad.ok) return maxLoad;
    const found = await findModule(args.target, flags, terminal.env);
    if (!found.ok) return found;
    const { createPreflight } = await import("../../preflight/index.ts");
    const settings = settingsFor({
      type: flags.type,
      config: config.value,
      rootId: flags["root-id"],
      env: env.value,
    });
    const verdict = await createPreflight({ maxLoadMs: maxLoad.value }).validate(found.value.bytes, settings);
    if (flags.output === "json") printJson(verdict.ok ? { loads: true, ...verdict.value } : { loads: false, ...verdict.error }, terminal);
    if (!verdict.ok)
      return fail(verdict.error.reason, `${args.target} would be refused (${verdict.error.reason}): ${verdict.error.message}`);
    if (flags.output !== "json") terminal.out(renderVerdict(args.target, verdict.value));
    return ok(undefined);
  },
});

function settingsFor(given: {
  readonly type: FilterType;
  readonly config: string;
  readonly rootId: string;
  readonly env: PluginSettings["env"];
}): PluginSettings {
  return { ...DEFAULT_SETTINGS, ...given };
}

const MAX_CONFIG_BYTES = 1024 * 1024;

async function readConfig(text: string): Promise<Result<string>> {
  if (!text.startsWith("@")) return ok(text);
  try {
    const config = await readFile(text.slice(1), "utf8");
    return config.length > MAX_CONFIG_BYTES
      ? fail("ConfigTooLarge", `${text.slice(1)} holds more than ${MAX_CONFIG_BYTES} bytes`)
      : ok(config);
  } catch (error) {
    return fail("CannotRead", `cannot read the configuration ${text.slice(1)}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}

function parseEnv(texts: readonly string[]): Result<PluginSettings["env"]> {
  const env: { name: string; value: string }[] = [];
  for (const text of texts) {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(text);
    if (match === null) return usage(`--env is NAME=VALUE, not "${text}"`);
    env.push({ name: match[1] ?? "", value: match[2] ?? "" });
  }
  return ok(env);
}
