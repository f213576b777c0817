import { resolve } from "node:path";
import { ok } from "../../model/result.ts";
import { parseAddress, parseListen } from "../args/address.ts";
import { defineCommand } from "../args/command.ts";
import { readDuration } from "../args/duration.ts";
import { maxModuleLoadFlag } from "../modules.ts";
import { proxyFlags } from "./run.ts";

export const dev = defineCommand({
  name: "dev",
  summary: "Build a project, run it in an Envoy, and swap it when you save a file",
  about: `Builds the project in a folder as \`weir build\` does, runs it in a real Envoy before an app, and prints a curl command. Its sources and weir.yaml are watched: after each
    change the module is built again and swapped over xDS, while Envoy serves. What does not compile, or is refused, leaves the filter before it in force. Each request is shown
    with what the filter changed of it, and what the filter logs as it logs it. Ctrl-C ends all of it.`,
  args: { folder: { value: "DIR", completes: "folder", optional: true, help: "the project's folder; here, if none is given" } },
  flags: { ...proxyFlags, "max-module-load": maxModuleLoadFlag },
  examples: [
    { does: "the project in this folder", command: "weir dev" },
    { does: "before an app of yours, at a port of your choice", command: "weir dev --upstream 127.0.0.1:8080 --listen 10000" },
  ],
  async run({ flags, args }, terminal) {
    const upstream = flags.upstream === undefined ? ok(undefined) : parseAddress(flags.upstream, "--upstream");
    if (!upstream.ok) return upstream;
    const listen = parseListen(flags.listen, "127.0.0.1");
    if (!listen.ok) return listen;
    const maxLoad = readDuration(flags["max-module-load"], "--max-module-load", "10m");
    if (!maxLoad.ok) return maxLoad;
    const { develop } = await import("../local/dev.ts");
    const options = { ...flags, upstream: upstream.value, listen: listen.value, maxModuleLoadMs: maxLoad.value };
    return develop(resolve(args.folder ?? "."), options, terminal);
  },
});
