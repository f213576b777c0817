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
  about: `The bar shows the selected proxies: # runs the wanted revision, x refused it, . does not have it (yet), | is where a wave ends. Which proxies those
    are is known to the running server only; without it (--server) the rest is shown all the same.`,
  args: filterArgument,
  flags: { ...fleetFlags, ...outputFlag },
  examples: [
    { does: "a filter of the present namespace", command: "weir describe add-header" },
    { does: "a filter of a manifest folder", command: "weir describe add-header -n shop --filters ./filters" },
  ],
  async run({ flags, args }, terminal) {
    const server = createServerClient(flags.server);
    if (!server.ok) return server;
    const opened = await openFilter(args.name, flags, terminal.env);
    if (!opened.ok) return opened;
    const { fleet, key, filter } = opened.value;
    const [revisions, proxies] = await Promise.all([fleet.revisions(filter), server.value.proxies()]);
    printNotes(fleet, terminal);
    const records = revisions.ok ? revisions.value : [];
    if (flags.output === "json") {
      printJson({ filter, history: history(filter, records), proxies: proxies.ok ? proxies.value.filter(runs(key)) : null }, terminal);
    } else {
      const known = proxies.ok ? proxies.value : `not known: ${proxies.error.message}`;
      terminal.out(renderDescribe({ filter, revisions: records, proxies: known, now: terminal.now() }, createPaint(terminal.color)));
    }
    return ok(undefined);
  },
});

function runs(key: { readonly namespace: string; readonly name: string }) {
  return ({
    slots,
  }: {
    readonly slots: readonly { readonly filters: readonly { readonly namespace: string; readonly name: string }[] }[];
  }) => slots.some(({ filters }) => filters.some((each) => each.namespace === key.namespace && each.name === key.name));
}
