import type { Authority } from "../../cluster/index.ts";
import { ok, type Result } from "../../model/result.ts";
import { openTls, type Tls, type TlsFiles } from "./tls-files.ts";

/** TLS by Weir's own authority, for these names and addresses. */
export interface OwnTls {
  readonly names: readonly string[];
}

/** TLS of the xDS port: by files, by an authority of Weir's own, or none. */
export async function openAnyTls(
  tls: TlsFiles | OwnTls | undefined,
  openAuthority: () => Promise<Result<Authority>>,
): Promise<Result<Tls | undefined>> {
  if (tls === undefined) return ok(undefined);
  if (!("names" in tls)) return openTls(tls);
  const authority = await openAuthority();
  if (!authority.ok) return authority;
  // Loaded here: nobody else waits for what writes certificates.
  const { openOwnTls } = await import("./tls-auto.ts");
  return ok(openOwnTls(authority.value, tls.names));
}
