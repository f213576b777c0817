import { resolve } from "node:path";
import { ok } from "../../model/result.ts";
import { parseAddress, parseListen } from "../args/address.ts";
import { defineCommand } from "../args/command.ts";
import { readDuration } from "../args/duration.ts";
import type { Flag, FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";
import { envoyFlags } from "../local/find-envoy.ts";
import { maxModuleLoadFlag, registryFlags, remoteFlag } from "../modules.ts";

/** Flags of every command that runs a local proxy. */
export const proxyFlags = {
  upstream: { type: "string", value: "HOST:PORT", help: "the app that requests go to (default: one that answers with the request)" },
  listen: { type: "string", value: "[HOST:]PORT", help: "where Envoy takes requests; 0: a free port", fallback: "0" },
  ...envoyFlags,
  "log-level": {
    type: "string",
    help: "the least level of what filters log that is shown",
    fallback: "info",
    choices: ["trace", "debug", "info", "warn", "error", "critical"],
  },
  "max-module-load": maxModuleLoadFlag,
} as const satisfies Record<string, Flag>;

/** What they say. */
export function readProxyFlags(flags: FlagValues<typeof proxyFlags>) {
  const upstream = flags.upstream === undefined ? ok(undefined) : parseAddress(flags.upstream, "--upstream");
  if (!upstream.ok) return upstream;
  const listen = parseListen(flags.listen, "127.0.0.1");
  if (!listen.ok) return listen;
  const maxLoad = readDuration(flags["max-module-load"], "--max-module-load", "10m");
  if (!maxLoad.ok) return maxLoad;
  return ok({ upstream: upstream.value, listen: listen.value, maxModuleLoadMs: maxLoad.value });
}

export const run = defineCommand({
  name: "run",
  summary: "Run filters in an Envoy on this machine, with no cluster",
  about: `Starts Envoy before an app and gives it the filters as a server would: over xDS, by the same code, proved before they are sent. Each request is shown with what each filter
    changed of it, and what filters log as they log it. With --file every HTTP filter of a folder of manifests runs, in their order, and a change to a manifest is in
    force at once. Ctrl-C ends all of it.`,
  args: {
    target: { value: "REF|FILE", help: "an image reference, or a .wasm file", optional: true, completes: "file" },
  },
  flags: {
    file: { type: "string", short: "f", value: "DIR", completes: "folder", help: "a folder of manifests, whose filters run as a chain" },
    config: { type: "string", short: "c", value: "TEXT|@FILE", help: "the filter's configuration, as text or from a file" },
    "root-id": { type: "string", value: "ID", help: "root context, for modules that register several" },
    namespace: {
      type: "string",
      short: "n",
      value: "NAMESPACE",
      completes: "namespace",
      help: "with --file: whose filters run, where the manifests have several namespaces",
    },
    slot: { type: "string", multiple: true, value: "NAME", help: "with --file: the slots of the proxy, in order (default: by name)" },
    "skip-preflight": { type: "boolean", help: "let Envoy judge the module alone: what Weir would refuse is sent too" },
    ...proxyFlags,
    ...remoteFlag,
    ...registryFlags,
  },
  examples: [
    { does: "a module, before an app that answers with the request", command: 'weir run add-header.wasm --config \'{"header":"x-weir"}\'' },
    {
      does: "an image, before an app of yours",
      command: "weir run registry.example/filters/add-header:1.2 --upstream 127.0.0.1:8080 --listen 10000",
    },
    { does: "a chain of filters", command: "weir run -f filters/" },
    { does: "in an older Envoy, fetched without a question", command: "weir run add-header.wasm --envoy 1.38 --yes" },
  ],
  async run({ flags, args }, terminal) {
    const proxy = readProxyFlags(flags);
    if (!proxy.ok) return proxy;
    if ((args.target === undefined) === (flags.file === undefined))
      return usage("say what to run: an image reference or a .wasm file, or --file with a folder of manifests; not both");
    if (flags.file !== undefined && (flags.config !== undefined || flags["root-id"] !== undefined))
      return usage("--config and --root-id are for one filter; with --file they stand in the manifests");
    const options = { ...flags, ...proxy.value };
    const { runFilter, runFolder } = await import("../local/run.ts");
    return flags.file === undefined ? runFilter(args.target ?? "", options, terminal) : runFolder(resolve(flags.file), options, terminal);
  },
});
