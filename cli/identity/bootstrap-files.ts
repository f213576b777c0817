import { join, resolve } from "node:path";
import { writeFileAtomically } from "../../base/atomic-file.ts";
import { messageOf } from "../../base/error.ts";
import { isLoopback } from "../../base/loopback.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { ProxyCredentials } from "../../xds/index.ts";
import type { Address } from "../args/address.ts";
import type { Flag, FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";
import type { Terminal } from "../terminal.ts";

/** Flags of `weir bootstrap` for a connection that is secured, and where its files go. */
export const credentialFlags = {
  "tls-ca": {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "speak TLS; Weir's certificate leads to one of these authorities (PEM)",
  },
  "tls-cert": { type: "string", value: "FILE", completes: "file", help: "the proxy's certificate (PEM), which says who it is" },
  "tls-key": { type: "string", value: "FILE", completes: "file", help: "the private key of --tls-cert" },
  "tls-server-name": { type: "string", value: "NAME", help: "a name or address in Weir's certificate (default: the host of --xds)" },
  "token-file": { type: "string", value: "FILE", completes: "file", help: "file with the token that says who the proxy is" },
  out: {
    type: "string",
    value: "DIR",
    completes: "folder",
    help: "write envoy.yaml there instead of stdout, with the files that name certificates and token",
  },
} as const satisfies Record<string, Flag>;

/** Paths become absolute, as Envoy may be started anywhere. `xds`: where the proxy connects to. */
export function readCredentials(values: FlagValues<typeof credentialFlags>, xds: Address): Result<ProxyCredentials | undefined> {
  const { "tls-ca": ca, "tls-cert": cert, "tls-key": key, "tls-server-name": serverName, "token-file": tokenFile, out } = values;
  if ((cert === undefined) !== (key === undefined)) return usage("--tls-cert and --tls-key need each other");
  if (ca === undefined && (cert ?? serverName) !== undefined)
    return usage("--tls-cert and --tls-server-name need --tls-ca: it says whom the proxy trusts");
  if (ca === undefined && tokenFile === undefined) return ok(undefined);
  if (ca === undefined && !isLoopback(xds.host)) return usage("--token-file needs --tls-ca, or others could read the token on its way");
  if (out === undefined)
    return usage(
      "--tls-ca and --token-file need --out DIR: Envoy takes new certificates and tokens only through files beside its configuration",
    );
  const own = cert === undefined || key === undefined ? undefined : { cert: resolve(cert), key: resolve(key) };
  const tls = ca === undefined ? undefined : { ca: resolve(ca), own, serverName: serverName ?? xds.host };
  return ok({ tls, tokenFile: tokenFile === undefined ? undefined : resolve(tokenFile), folder: resolve(out) });
}

/** Writes `envoy.yaml` into the folder, after the files that it names. */
export async function writeBootstrap(
  text: string,
  credentials: ProxyCredentials | undefined,
  out: string,
  terminal: Terminal,
): Promise<Result<void>> {
  const { sdsFiles } = await import("../../xds/index.ts");
  const files = { ...(credentials === undefined ? {} : sdsFiles(credentials)), "envoy.yaml": text };
  try {
    for (const [name, content] of Object.entries(files)) await writeFileAtomically(join(out, name), content);
  } catch (error) {
    return fail("CannotWrite", `cannot write to ${out}: ${messageOf(error)}`);
  }
  terminal.out(`wrote ${Object.keys(files).join(", ")} to ${out}\n  next  envoy -c ${join(out, "envoy.yaml")}\n`);
  return ok(undefined);
}
