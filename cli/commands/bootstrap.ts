import { PATH_POLICIES } from "../../model/path-policy.ts";
import { ok, type Result } from "../../model/result.ts";
import { parseAddress, parseListen, XDS_ADDRESS } from "../args/address.ts";
import { defineCommand } from "../args/command.ts";
import type { FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";
import { credentialFlags, readCredentials, writeBootstrap } from "../identity/bootstrap-files.ts";

export const bootstrap = defineCommand({
  name: "bootstrap",
  summary: "Print an Envoy configuration whose filters come from Weir",
  about: `Writes YAML to stdout. Start Envoy with it, or copy the slot into a configuration of your own: a slot is one entry of http_filters, anywhere among other
    filters. With --managed the file holds only the connection to Weir, and Weir serves the listener too.
    With --tls-ca or --token-file it is secured: give --out, because Envoy takes new certificates and tokens only through small files beside its configuration.
    A slot needs Envoy 1.39 or newer; --managed works with older ones as well.

    --when-missing decides what a proxy does when it starts while Weir is down: closed answers 500 until its filters are there, open serves without them.`,
  args: {},
  flags: {
    node: { type: "string", value: "ID", help: "the proxy's name, unique in the fleet; with --in-cluster it is the pod's" },
    namespace: {
      type: "string",
      short: "n",
      value: "NAMESPACE",
      completes: "namespace",
      help: "the namespace whose filters it takes",
      fallback: "default",
    },
    label: { type: "string", multiple: true, value: "KEY=VALUE", help: "a label that filters may select by" },
    xds: { type: "string", value: "HOST:PORT", help: "where weir serve answers proxies", fallback: XDS_ADDRESS },
    listen: { type: "string", value: "[HOST:]PORT", help: "where the proxy takes requests", fallback: "10000" },
    upstream: { type: "string", value: "HOST:PORT", help: "where it sends them", fallback: "127.0.0.1:8080" },
    slot: {
      type: "string",
      multiple: true,
      value: "NAME",
      help: "a slot for filters, in the order that requests pass them (default: one, named default)",
    },
    managed: { type: "boolean", help: "get listener, route and cluster from Weir as well" },
    paths: {
      type: "string",
      help: "how paths reach filters and the app: normal (//api, /x/../api and /%2Fapi become /api), base (// and %2F stay), as-written",
      fallback: "normal",
      choices: PATH_POLICIES,
    },
    "when-missing": {
      type: "string",
      help: "what requests get before the first answer from Weir",
      fallback: "closed",
      choices: ["closed", "open"],
    },
    stats: {
      type: "boolean",
      fallback: true,
      help: "do not stream Envoy's statistics to Weir (rollouts are then judged by acknowledgements alone)",
    },
    ...credentialFlags,
    "in-cluster": {
      type: "boolean",
      help: "for an Envoy in a pod, which proves itself by its token; prints a ConfigMap",
    },
    admin: { type: "string", value: "HOST:PORT", help: "Envoy's admin interface; port 0 takes any free one", fallback: "127.0.0.1:0" },
  },
  examples: [
    {
      does: "a proxy in front of an app on port 8080",
      command: "weir bootstrap --node web-1 --label app=web --upstream 127.0.0.1:8080 > envoy.yaml",
    },
    {
      does: "two slots; while Weir is down, requests pass without filters",
      command: "weir bootstrap --node web-1 --slot edge --slot app --when-missing open",
    },
    {
      does: "with the certificate of `weir identity issue --node web-1`",
      command: "weir bootstrap --node web-1 --tls-ca web-1/ca.crt --tls-cert web-1/tls.crt --tls-key web-1/tls.key --out web-1",
    },
    {
      does: "for the Envoys of a gateway in a cluster, whose namespace is edge",
      command: "weir bootstrap --in-cluster -n edge --tls-ca ca.crt --upstream web.shop.svc:80 | kubectl apply -f -",
    },
  ],
  async run({ flags }, terminal) {
    const connection = flags["in-cluster"] ? await (await import("../injection/in-cluster.ts")).readInCluster(flags) : connectionOf(flags);
    if (!connection.ok) return connection;
    const { xds, credentials } = connection.value;
    if (flags.managed && flags.paths !== "normal")
      return usage("--paths is for a listener in the bootstrap; that of --managed has normal paths while a filter matches by path");
    const upstream = parseAddress(flags.upstream, "--upstream");
    if (!upstream.ok) return upstream;
    const admin = parseAddress(flags.admin, "--admin");
    if (!admin.ok) return admin;
    const labels = parseLabels(flags.label);
    if (!labels.ok) return labels;
    const slots = parseSlots(flags.slot);
    if (!slots.ok) return slots;
    const { bootstrapDefaults, renderBootstrap } = await import("../../xds/index.ts");
    const listen = parseListen(flags.listen, bootstrapDefaults.listen.host);
    if (!listen.ok) return listen;
    const text = renderBootstrap({
      ...bootstrapDefaults,
      node: flags.node,
      namespace: flags.namespace,
      labels: labels.value,
      xds,
      listen: listen.value,
      upstream: upstream.value,
      slots: slots.value,
      managed: flags.managed,
      paths: flags.paths,
      whenMissing: flags["when-missing"],
      admin: admin.value,
      stats: flags.stats,
      credentials,
    });
    if (flags.out !== undefined) return writeBootstrap(text, credentials, flags.out, terminal);
    if (!("ca" in connection.value)) return ok(terminal.out(text));
    const { configMapOf } = await import("../injection/in-cluster.ts");
    return ok(terminal.out(configMapOf(text, flags.namespace, connection.value)));
  },
});

/** How a proxy that has a name and files of its own reaches Weir. */
function connectionOf(flags: FlagValues<typeof credentialFlags> & { readonly node: string | undefined; readonly xds: string }) {
  if (flags.node === undefined)
    return usage("--node is missing: the proxy's name, unique in the fleet; or --in-cluster, for an Envoy in a pod");
  const xds = parseAddress(flags.xds, "--xds");
  if (!xds.ok) return xds;
  const credentials = readCredentials(flags, xds.value);
  return credentials.ok ? ok({ xds: xds.value, credentials: credentials.value }) : credentials;
}

/** Keys and values as Kubernetes allows them. https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
function parseLabels(texts: readonly string[]): Result<Readonly<Record<string, string>>> {
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const match =
      /^((?:[a-z0-9.-]{1,253}\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)=([A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/.exec(
        text,
      );
    if (match?.[1] === undefined) return usage(`--label is KEY=VALUE, for example app=web, not "${text}"`);
    labels[match[1]] = match[2] ?? "";
  }
  return ok(labels);
}

function parseSlots(names: readonly string[]): Result<readonly string[]> {
  if (names.length === 0) return ok(["default"]);
  const wrong = names.find((name) => !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name));
  if (wrong !== undefined) return usage(`--slot is a name of lower-case letters, digits and '-', not "${wrong}"`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? ok(names) : usage(`--slot ${twice} is given twice`);
}
