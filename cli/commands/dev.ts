import { resolve } from "node:path";
import { defineCommand } from "../args/command.ts";
import { proxyFlags, readProxyFlags } from "./run.ts";

export const dev = defineCommand({
  name: "dev",
  summary: "Build a project, run it in an Envoy, and swap it when you save a file",
  about: `Builds the project in a folder as \`weir build\` does, runs it in a real Envoy before an app, and prints a curl command. Its sources and weir.yaml are watched: after each
    change the module is built again and swapped over xDS, while Envoy serves. What does not compile, or is refused, leaves the filter before it in force. Each request is shown
    with what the filter changed of it, and what the filter logs as it logs it. Ctrl-C ends all of it.`,
  args: { folder: { value: "DIR", completes: "folder", optional: true, help: "the project's folder; here, if none is given" } },
  flags: proxyFlags,
  examples: [
    { does: "the project in this folder", command: "weir dev" },
    { does: "before an app of yours, at a port of your choice", command: "weir dev --upstream 127.0.0.1:8080 --listen 10000" },
  ],
  async run({ flags, args }, terminal) {
    const proxy = readProxyFlags(flags);
    if (!proxy.ok) return proxy;
    const { develop } = await import("../local/dev.ts");
    return develop(resolve(args.folder ?? "."), { ...flags, ...proxy.value }, terminal);
  },
});
