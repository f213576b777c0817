import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { outputFlag } from "../fleet/flags.ts";
import { printJson } from "../output.ts";
import { ownVersion } from "../serve/own-version.ts";

export const version = defineCommand({
  name: "version",
  summary: "Print the version of weir and of the Node it runs on",
  about: "Include it in bug reports.",
  args: {},
  flags: outputFlag,
  examples: [],
  async run({ flags }, terminal) {
    const weir = ownVersion();
    const { node, v8 } = process.versions;
    if (flags.output === "json") printJson({ weir, node, v8 }, terminal);
    else terminal.out(`weir ${weir} (Node ${node}, V8 ${v8})\n`);
    return ok(undefined);
  },
});
