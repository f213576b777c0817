import { ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { filterArgument, fleetFlags, outputFlag } from "../fleet/flags.ts";
import { openFilter } from "../fleet/open.ts";
import { createServerClient } from "../fleet/server.ts";
import { printJson, printNotes } from "../output.ts";
import { renderDescribe } from "../render/describe.ts";
import { history } from "../render/history.ts";
import { createPaint } from "../render/paint.ts";

export const describe = defineCommand({
  name: "describe",
  summary: "Show one filter in full: what runs where and why, what happens next and when",
  about: `The bar shows the selected proxies: # runs the wanted revision, x rejected it, . does not have it yet, | is the end of a wave. Only the running server
    (--server) knows which proxies those are; without it the rest is still shown. A proxy that is
    lost is not connected; \`weir proxies\` counts it as pending.`,
  args: filterArgument,
  flags: { ...fleetFlags, ...outputFlag },
  examples: [
    { does: "a filter of the current namespace", command: "weir describe add-header" },
    { does: "a filter of a manifest folder", command: "weir describe add-header -n shop --filters ./filters" },
  ],
  async run({ flags, args }, terminal) {
    const server = createServerClient(flags.server, { tokenFile: flags["token-file"] });
    if (!server.ok) return server;
    const opened = await openFilter(args.name, flags, terminal.env);
    if (!opened.ok) return opened;
    const { fleet, key, filter } = opened.value;
    const [revisions, proxies] = await Promise.all([fleet.revisions(filter), server.value.proxies({ filter: key })]);
    printNotes(fleet.notes(), terminal);
    const records = revisions.ok ? revisions.value : [];
    if (flags.output === "json") {
      printJson({ filter, history: history(filter, records), proxies: proxies.ok ? proxies.value : null }, terminal);
    } else {
      const known = proxies.ok ? proxies.value : `not known: ${proxies.error.message}`;
      terminal.out(
        renderDescribe(
          { filter, revisions: records, knowsStatus: fleet.knowsStatus(), proxies: known, now: terminal.now() },
          createPaint(terminal.color),
        ),
      );
    }
    return ok(undefined);
  },
});
