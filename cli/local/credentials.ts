import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { ok, type Result } from "../../model/result.ts";
import { parseReference, personKeychain } from "../../oci/index.ts";
import type { Terminal } from "../terminal.ts";

/** The registries that the filters' images come from. */
export function registriesOf(filters: readonly WasmFilter[]): readonly string[] {
  const registries = filters.flatMap(({ spec }) => {
    const reference = typeof spec?.image === "string" ? parseReference(spec.image) : undefined;
    return reference?.ok === true && reference.value.kind === "registry" ? [reference.value.registry] : [];
  });
  return [...new Set(registries)];
}

/** What this user may pull with from these registries, as a pull secret holds it: of several credentials for one place the first. `undefined`: nothing. */
export async function pullSecretOf(registries: readonly string[], env: Terminal["env"]): Promise<Result<Buffer | undefined>> {
  const auths: Record<string, unknown> = {};
  for (const registry of registries) {
    const keychain = await personKeychain(registry, { env });
    if (!keychain.ok) return keychain;
    for (const [place, entries] of keychain.value) {
      const usable = entries.find((entry) => "username" in entry);
      if (usable !== undefined) auths[place] ??= usable;
    }
  }
  return ok(Object.keys(auths).length === 0 ? undefined : Buffer.from(JSON.stringify({ auths })));
}
