import type { Filter } from "../../model/filter.ts";
import { type Failure, fail, failForNow, ok } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import { keptChoice, type LastLook, rememberedChoice } from "../filter/look.ts";
import { configure } from "./configure.ts";
import type { Outcome, ResolveDeps } from "./resolve.ts";
import { isKnownToHold } from "./verify.ts";

/**
 * Whether what is served is what the spec of a suspended filter asks for, by what is at hand: it takes no change, so no registry is asked. Fails where the spec
 * asks for something else, or where that cannot be told now.
 */
export async function resolveServed(
  filter: Filter,
  revisions: readonly Revision[],
  served: Revision | undefined,
  last: LastLook,
  { source, registry, identity, permits, trustRoot }: Pick<ResolveDeps, "source" | "registry" | "identity" | "permits" | "trustRoot">,
): Promise<Outcome> {
  if (served === undefined || !leadsTo(filter, revisions, served, last)) return waits();
  const config = await configure(filter, source);
  if (!config.ok) return { ok: false, stage: "configure", error: config.error };
  const { configuration, ...place } = config.value;
  const { image, digest, wasmDigest, capabilities } = served;
  const content = { image, digest, wasmDigest, capabilities, settings: { ...filter.settings, ...configuration }, ...place };
  const isVerified = await isKnownToHold(filter, digest, revisions, { source, permits, trustRoot });
  if (!isVerified || !identity.isOf(filter.key, served, content)) return waits();
  if (!(await registry.has(wasmDigest))) return stopped(failForNow("ModuleMissing", "the module is being fetched again").error);
  return ok({ content, measurements: undefined, look: undefined, verdicts: [], signatures: [], audited: [] });
}

/** True where the reference, with what it was resolved to before, leads to this revision. */
function leadsTo({ source, pin }: Filter, revisions: readonly Revision[], served: Revision, last: LastLook): boolean {
  if (source.kind === "url") return source.sha256 === served.wasmDigest;
  return (pin ?? (keptChoice(source, last, revisions) ?? rememberedChoice(source, revisions))?.digest) === served.digest;
}

function waits(): Outcome {
  return stopped(fail("Suspended", "the spec asks for something else than what is served").error);
}

function stopped(error: Failure): Outcome {
  return { ok: false, stage: "resolve", error };
}
