import { existsSync } from "node:fs";
import { fail, ok, type Result } from "../model/result.ts";
import type { InspectedImage, InspectOptions, OciOptions } from "../oci/index.ts";
import { readList } from "./args/list.ts";
import type { Flag, FlagValues } from "./args/syntax.ts";
import { findLocal, localNote, openLocal } from "./local-images.ts";
import { printNote } from "./output.ts";
import { readFile } from "./read-file.ts";
import { readRegistryCa, registryCaFlag } from "./registry-ca.ts";
import type { Terminal } from "./terminal.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Of `weir serve` too. */
export const allowAddressFlag = {
  type: "string",
  multiple: true,
  value: "CIDR",
  help: "let images, URLs, token services and redirects lead to these addresses, e.g. 10.0.0.0/8",
  env: "WEIR_ALLOW_ADDRESS",
} as const satisfies Flag;

/** Flags of every command that talks to a registry. */
export const registryFlags = {
  "plain-http": { type: "boolean", help: "use HTTP with this registry (as always with one on loopback)" },
  "allow-address": allowAddressFlag,
  "registry-ca": registryCaFlag,
} as const satisfies Record<string, Flag>;

/** The flag of every command that reads an image which may be on this machine too. */
export const remoteFlag = {
  remote: { type: "boolean", help: "ask the registry, even if the image is on this machine" },
} as const satisfies Record<string, Flag>;

/** The flag of every command that proves modules. */
export const maxModuleLoadFlag = {
  type: "string",
  value: "DURATION",
  help: "CPU time that a proxy may spend on loading a module; one that takes more is refused",
  fallback: "20s",
  env: "WEIR_MAX_MODULE_LOAD",
} as const satisfies Flag;

/**
 * Access for a reference that a person typed: their own credentials (Docker's, Podman's, and those of credential helpers), layout folders from the working
 * directory, the images of their machine, HTTP where they allow it.
 */
export async function registryAccess(reference: string, flags: FlagValues<typeof registryFlags>, env: Environment) {
  const { emptyKeychain, parseReference, personKeychain } = await import("../oci/index.ts");
  const parsed = parseReference(reference);
  const registry = parsed.ok && parsed.value.kind === "registry" ? parsed.value.registry : undefined;
  const keychain = registry === undefined ? ok(emptyKeychain) : await personKeychain(registry, { env });
  if (!keychain.ok) return keychain;
  const options = await requestOptions(registry, flags, env);
  if (!options.ok) return options;
  return ok({ ...options.value, layoutBase: process.cwd(), local: await openLocal(env), keychain: keychain.value });
}

/** How a person's requests to a registry go out. */
export async function requestOptions(
  registry: string | undefined,
  flags: FlagValues<typeof registryFlags>,
  env: Environment,
): Promise<Result<OciOptions>> {
  const fetch = await openFetch(flags, { loopback: true, env });
  if (!fetch.ok) return fetch;
  return ok({ fetch: fetch.value, ...(flags["plain-http"] && registry !== undefined ? { plainHttp: [registry] } : {}) });
}

/** What requests go out by: `loopback` where specs are the user's own. Through the proxies of the environment, if it names some. */
export async function openFetch(
  flags: Pick<FlagValues<typeof registryFlags>, "allow-address" | "registry-ca">,
  { loopback, env }: { readonly loopback: boolean; readonly env: Environment },
) {
  const { createAddressPolicy, createFetch, parseAddressRange, readProxies } = await import("../oci/index.ts");
  const allowed = readList(flags["allow-address"], "--allow-address", parseAddressRange);
  if (!allowed.ok) return allowed;
  const ca = await readRegistryCa(flags["registry-ca"]);
  if (!ca.ok) return ca;
  const proxies = readProxies(env);
  if (!proxies.ok) return proxies;
  return ok(
    createFetch({ policy: createAddressPolicy({ loopback, allowed: allowed.value }), ca: ca.value, proxies: proxies.value ?? false }),
  );
}

/** A module, from a file or from an image. */
export interface FoundModule {
  readonly bytes: Uint8Array;
  /** `undefined` for a file. */
  readonly image: InspectedImage | undefined;
  /** By what an image is read, and the reference that leads there: with `local:` for one of this machine. */
  readonly access?: InspectOptions;
  readonly reference?: string;
}

const MAX_MODULE_BYTES = 64 * 1024 * 1024;

/** Reads a module file of at most 64 MiB, the largest that Weir ships. */
export function readModule(path: string): Promise<Result<Uint8Array>> {
  const tooLarge = fail("ModuleTooLarge", `${path} has more than ${MAX_MODULE_BYTES} bytes, the most of a module that Weir ships`);
  return readFile(path, { maxBytes: MAX_MODULE_BYTES, tooLarge });
}

/** Reads the file of this name, or else the image that it refers to: the one on this machine, with a note, or else, and with `remote`, the registry's. */
export async function findModule(
  name: string,
  flags: FlagValues<typeof registryFlags> & { readonly remote?: boolean },
  terminal: Terminal,
): Promise<Result<FoundModule>> {
  if (existsSync(name)) {
    const bytes = await readModule(name);
    return bytes.ok ? ok({ bytes: bytes.value, image: undefined }) : bytes;
  }
  // A name without a tag or digest is probably a mistyped file name, not an image of Docker Hub.
  if (!/[:@]/.test(name))
    return fail(
      "NotFound",
      `there is no file ${name}, and it is not an image reference either, which has a tag or a digest: registry/repository:tag`,
    );
  const here = flags.remote === true ? ok(undefined) : await findLocal(name, terminal.env);
  if (!here.ok) return here;
  if (here.value !== undefined) {
    const { image, local, reference } = here.value;
    printNote(localNote(name, local, terminal.now()), terminal);
    const { formatReference } = await import("../oci/index.ts");
    const own = formatReference({ ...reference, kind: "local" });
    const access = await registryAccess(own, flags, terminal.env);
    return access.ok ? ok({ bytes: image.bytes, image, access: access.value, reference: own }) : access;
  }
  const access = await registryAccess(name, flags, terminal.env);
  if (!access.ok) return access;
  const { inspectImage } = await import("../oci/index.ts");
  const image = await inspectImage(name, access.value);
  return image.ok ? ok({ bytes: image.value.bytes, image: image.value, access: access.value, reference: name }) : image;
}
