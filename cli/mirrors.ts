import { systemClock } from "../model/clock.ts";
import { silentLog } from "../model/log.ts";
import { type Keychain, mergeKeychains } from "../model/module.ts";
import { ok, type Result } from "../model/result.ts";
import type { InspectOptions } from "../oci/index.ts";
import { readList } from "./args/list.ts";
import type { Flag, FlagValues } from "./args/syntax.ts";
import { registryAccess, type registryFlags } from "./modules.ts";
import { printNote } from "./output.ts";
import type { Terminal } from "./terminal.ts";

/** Of commands that only read what they are given, and of `weir serve`: who writes or signs must know what the registry itself has. */
export const mirrorFlag = {
  type: "string",
  multiple: true,
  value: "REGISTRY=MIRROR[/PATH]",
  help: "read images of a registry from this one first, and from the registry what it does not have",
  env: "WEIR_MIRROR",
} as const satisfies Flag;

/** As `registryAccess`, by way of the mirrors that are named, with what the person has for them too. A mirror that cannot be used is told as a note. */
export async function readingAccess(
  reference: string,
  flags: FlagValues<typeof registryFlags & { readonly mirror: typeof mirrorFlag }>,
  terminal: Terminal,
): Promise<Result<InspectOptions>> {
  const access = await registryAccess(reference, flags, terminal.env);
  if (!access.ok || flags.mirror.length === 0) return access;
  const { createMirrors, parseMirror, personKeychain } = await import("../oci/index.ts");
  const mirrors = readList(flags.mirror, "--mirror", parseMirror);
  if (!mirrors.ok) return mirrors;
  const keychains: Keychain[] = [access.value.keychain];
  for (const host of new Set(mirrors.value.map((mirror) => mirror.host))) {
    const keychain = await personKeychain(host, { env: terminal.env });
    if (!keychain.ok) return keychain;
    keychains.push(keychain.value);
  }
  const warn = (text: string, { mirror, message }: { readonly mirror?: unknown; readonly message?: unknown } = {}) =>
    printNote(`${text}: ${mirror} (${message})`, terminal);
  const log = { ...silentLog, warn };
  return ok({ ...access.value, keychain: mergeKeychains(keychains), mirrors: createMirrors(mirrors.value, { clock: systemClock, log }) });
}
