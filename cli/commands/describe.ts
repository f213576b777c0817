import { ok } from "../../model/result.ts";
import { defineCommand } from "../command.ts";
import { filterKey, fleetFlags, openFleet, outputFlag } from "../fleet/flags.ts";
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
  args: { name: { value: "NAME", help: "the filter, or NAMESPACE/NAME" } },
  flags: { ...fleetFlags, ...outputFlag },
  examples: [
    { does: "a filter of the present namespace", command: "weir describe add-header" },
    { does: "a filter of a manifest folder", command: "weir describe add-header -n shop --filters ./filters" },
  ],
  async run({ flags, args }, terminal) {
    const server = createServerClient(flags.server);
    if (!server.ok) return server;
    const fleet = await openFleet(flags, terminal.env);
    if (!fleet.ok) return fleet;
    const { value: client } = fleet;
    const key = filterKey(args.name, client.namespace);
    if (!key.ok) return key;
    const filter = await client.get(key.value);
    if (!filter.ok) return filter;
    const [revisions, proxies] = await Promise.all([client.revisions(filter.value), server.value.proxies()]);
    printNotes(client, terminal);
    const { value } = filter;
    const records = revisions.ok ? revisions.value : [];
    if (flags.output === "json") {
      printJson(
        { filter: value, history: history(value, records), proxies: proxies.ok ? proxies.value.filter(runs(key.value)) : null },
        terminal,
      );
    } else {
      const known = proxies.ok ? proxies.value : `not known: ${proxies.error.message}`;
      terminal.out(renderDescribe({ filter: value, revisions: records, proxies: known, now: terminal.now() }, createPaint(terminal.color)));
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
