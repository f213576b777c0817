import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { messageOf } from "../../base/error.ts";
import { makeFolder } from "../../base/make-folder.ts";
import { fail, ok } from "../../model/result.ts";
import { XDS_ADDRESS } from "../args/address.ts";
import { defineCommand } from "../args/command.ts";
import { readDuration } from "../args/duration.ts";
import { usage } from "../args/usage.ts";
import { printNote } from "../output.ts";

/** `weir identity issue`: a proxy's certificate from the authority of `weir serve --xds-tls auto`. */
export const identityIssue = defineCommand({
  name: "identity issue",
  summary: "Make the certificate by which a proxy proves who it is",
  about: `Writes tls.crt, tls.key and ca.crt for one node, signed by the authority of \`weir serve --xds-tls auto\` below --data. Run it where that folder is, and bring the
    files to the proxy. Run it again before the certificate ends, into the same folder: a running Envoy takes the new files.`,
  args: {},
  flags: {
    node: { type: "string", required: true, value: "ID", help: "the proxy's node id" },
    namespace: { type: "string", short: "n", value: "NAMESPACE", completes: "namespace", help: "its namespace", fallback: "default" },
    data: {
      type: "string",
      value: "DIR",
      completes: "folder",
      help: "the --data of weir serve, with its authority",
      fallback: ".weir/data",
      env: "WEIR_DATA",
    },
    out: { type: "string", value: "DIR", completes: "folder", help: "where to write the files (default: a folder named as the node)" },
    "valid-for": { type: "string", value: "DURATION", help: "how long the certificate lasts", fallback: "2160h" },
  },
  examples: [
    { does: "a proxy of the namespace shop", command: "weir identity issue --node web-1 --namespace shop" },
    { does: "for a day", command: "weir identity issue --node web-1 --namespace shop --valid-for 24h --out /etc/weir" },
  ],
  async run({ flags: { node, namespace, data, out = node, "valid-for": validFor } }, terminal) {
    const validMs = readDuration(validFor, "--valid-for", "8784h");
    if (!validMs.ok) return validMs;
    if (validMs.value < 60_000) return usage("--valid-for is at least 1m");
    const { nodeUri } = await import("../../xds/index.ts");
    const uri = nodeUri(namespace, node);
    if (uri === undefined)
      return usage(
        `--node takes letters, digits, '.', '_' and '-', and --namespace is a namespace's name; "${namespace}" and "${node}" make no identity`,
      );
    const { ownAuthority } = await import("../identity/authority.ts");
    const isNew = !existsSync(join(data, "private", "ca"));
    const authority = await ownAuthority(resolve(data), terminal.now());
    if (!authority.ok) return authority;
    if (isNew)
      printNote(
        `--data ${data} had no authority, so one was made; only a weir serve --xds-tls auto with this --data takes the certificate`,
        terminal,
      );
    const { issueCertificate } = await import("../../cluster/index.ts");
    const now = terminal.now();
    const { cert, key } = issueCertificate(authority.value, { purpose: "client", name: node, uris: [uri], now, validMs: validMs.value });
    try {
      await makeFolder(out, 0o700);
      await writeFileAtomically(join(out, "ca.crt"), authority.value.cert);
      await writeFileAtomically(join(out, "tls.key"), key, { mode: 0o600 });
      await writeFileAtomically(join(out, "tls.crt"), cert);
    } catch (error) {
      return fail("CannotWrite", `cannot write to ${out}: ${messageOf(error)}`);
    }
    const files = `--tls-ca ${join(out, "ca.crt")} --tls-cert ${join(out, "tls.crt")} --tls-key ${join(out, "tls.key")}`;
    terminal.out(`issued ${out} (node ${node} of namespace ${namespace}, until ${new Date(now + validMs.value).toISOString()})
  next  weir bootstrap --node ${node} --namespace ${namespace} --xds ${XDS_ADDRESS} ${files} --out ${out}
        (--xds is where the proxy reaches weir serve)
`);
    return ok(undefined);
  },
});
