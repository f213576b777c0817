import { fail, ok } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { allNamespaces, fleetFlags, outputFlag } from "../fleet/flags.ts";
import { createServerClient } from "../fleet/server.ts";
import { printJson, printNote } from "../output.ts";
import { renderProxies } from "../render/proxies.ts";

export const proxies = defineCommand({
  name: "proxies",
  summary: "List proxies: which filter, revision and digest each one runs",
  about: `Asks the running server: only it knows the proxies. STATE is updated (the proxy acknowledged this revision and runs it), pending (no answer yet) or
    rejected (MESSAGE has its reason). Without -n every namespace is listed.`,
  args: { id: { value: "PROXY", completes: "proxy", help: "one proxy, by its node id (default: all)", optional: true } },
  flags: {
    server: fleetFlags.server,
    "token-file": fleetFlags["token-file"],
    namespace: { ...fleetFlags.namespace, help: "only proxies of this namespace" },
    ...allNamespaces,
    ...outputFlag,
  },
  examples: [
    { does: "every proxy", command: "weir proxies" },
    { does: "one proxy of a server on another machine", command: "weir proxies web-1 --server http://10.0.0.7:18001" },
  ],
  async run({ flags, args }, terminal) {
    const server = createServerClient(flags.server, { tokenFile: flags["token-file"] });
    if (!server.ok) return server;
    const namespace = flags["all-namespaces"] ? undefined : flags.namespace;
    const all = await server.value.proxies({ namespace });
    if (!all.ok) return all;
    const wanted = all.value.filter((proxy) => args.id === undefined || proxy.id === args.id);
    if (args.id !== undefined && wanted.length === 0)
      return fail("NotFound", `no proxy ${args.id} is known to ${flags.server}; \`weir proxies\` lists them`);
    if (flags.output === "json") printJson(wanted, terminal);
    else if (wanted.length > 0) terminal.out(renderProxies(wanted, { namespaces: namespace === undefined }));
    else
      printNote(
        `no proxies at ${flags.server}${namespace === undefined ? "" : ` in namespace ${namespace}`}; \`weir bootstrap --help\` tells how one connects`,
        terminal,
      );
    return ok(undefined);
  },
});
