import type { Clock } from "../../model/clock.ts";
import type { ConfigJudge } from "../../model/config-schema.ts";
import type { Digest } from "../../model/digest.ts";
import type { Filter } from "../../model/filter.ts";
import type { ModuleRegistry } from "../../model/module.ts";
import { proofId } from "../../model/proof.ts";
import { type Failure, ok } from "../../model/result.ts";
import type { Revision } from "../../model/revision.ts";
import type { Measurements, Preflight } from "../../model/verdict.ts";
import type { SignedBy, Verdict } from "../../model/verify.ts";
import { judgeConfig } from "../config/fits.ts";
import type { Look } from "../filter/look.ts";
import type { RevisionIdentity } from "../filter/revision-identity.ts";
import { findRevision, type RevisionContent } from "../filter/revisions.ts";
import type { Stage } from "../filter/steps.ts";
import type { Judgement, Permits } from "../policy/permits.ts";
import { verifyAndAudit } from "./audit.ts";
import { configure } from "./configure.ts";
import { about } from "./failure.ts";
import { type Asking, type ModuleDeps, resolveModule } from "./module.ts";
import { judgeFilter, type NotPermitted, provedOf } from "./permit.ts";
import type { Fallback } from "./rejudge.ts";
import type { VerifyDeps } from "./verify.ts";

/** What resolving reads from the world. */
export interface ResolveDeps extends ModuleDeps, VerifyDeps {
  readonly source: VerifyDeps["source"];
  readonly registry: ModuleRegistry;
  readonly preflight: Preflight;
  readonly identity: RevisionIdentity;
  readonly permits: Permits;
  readonly configJudge: ConfigJudge;
  readonly clock: Clock;
}

export interface Resolved {
  readonly content: RevisionContent;
  /** `undefined` for a content that a kept revision has already: it was measured when that revision was made. */
  readonly measurements: Measurements | undefined;
  /** Set where the tag was looked at. */
  readonly look: Look | undefined;
  /** What policies say of it. Absent while the filter is suspended: it takes no change. */
  readonly judgement?: Judgement;
  /** Of the signatures that are demanded, in their order. */
  readonly verdicts: readonly Verdict[];
  /** The same, with what demands them. */
  readonly signatures: readonly SignedBy[];
  /** Of those that hold and are demanded by policies that are only audited. */
  readonly audited: readonly Verdict[];
}

/** A spec that stopped at a stage. */
export interface Refused {
  readonly ok: false;
  readonly stage: Exclude<Stage, "permit">;
  readonly error: Failure;
  /** Of stage `verify`: what was refused. */
  readonly digest?: Digest;
  /** What takes the place of what runs, where that has not the signatures that are demanded. */
  readonly fallback?: Fallback;
}

export type Outcome = { readonly ok: true; readonly value: Resolved } | NotPermitted | Refused;

/**
 * The slow steps of a reconcile in their order: from a parsed filter to the content of a revision. Fetches nothing that the store or the history
 * has: rolling back needs no network and no compile.
 */
export async function resolveFilter(
  filter: Filter,
  revisions: readonly Revision[],
  asking: Asking,
  deps: ResolveDeps,
  signal: AbortSignal,
): Promise<Outcome> {
  const judging = judgeFilter(filter, deps.permits);
  if ("stage" in judging) return judging;
  const config = await configure(filter, deps.source);
  if (!config.ok) return { ok: false, stage: "configure", error: config.error };
  const found = await resolveModule(filter, revisions, asking, deps, signal);
  if (!found.ok) return { ok: false, stage: "resolve", error: found.error };
  const sized = judging.with({ size: found.value.module.size });
  if (sized !== undefined) return sized;
  const { module, image, look } = found.value;
  const { digest, wasmDigest } = module;
  const verified = await verifyAndAudit(filter, { image, digest }, revisions, deps, signal);
  if (!verified.ok) return { ok: false, stage: "verify", error: verified.error, digest };
  const { verdicts, signatures, audit } = verified.value;
  const signed = judging.with({ unsigned: audit.unsigned });
  if (signed !== undefined) return signed;
  const held = { verdicts, signatures, audited: audit.verdicts };
  const { configuration, ...place } = config.value;
  const settings = { ...filter.settings, ...configuration };
  const content = { image, digest, wasmDigest, settings, ...place };
  const known = findRevision(filter.key, revisions, content, deps.identity);
  const id = proofId(filter.proof);
  // Proved with other settings, it is to be proved again; the revision stays the same. So it is where a policy asks for what nobody noted then.
  if (known !== undefined && known.proof === id && !(judging.needsLoad && known.loadMs === undefined)) {
    const { capabilities, loadMs } = known;
    const kept = { content: { ...content, capabilities }, measurements: undefined, look, ...held };
    return judging.with(provedOf(capabilities, loadMs)) ?? ok({ ...kept, judgement: judging.judgement });
  }
  const misfit = known === undefined ? await judgeConfig(filter, configuration, found.value, deps.configJudge) : undefined;
  if (misfit !== undefined) return { ok: false, stage: "prove", error: misfit };
  const code = await deps.registry.read(wasmDigest);
  if (code === undefined) return { ok: false, stage: "resolve", error: damaged(wasmDigest) };
  const secretConfig = place.secretConfig !== undefined;
  const proof = await deps.preflight.validate(code, settings, {
    ...{ signal, secretConfig },
    proof: filter.proof,
    namespace: filter.key.namespace,
  });
  if (!proof.ok) return { ok: false, stage: "prove", error: about(exactly(content.image, digest), proof.error) };
  const { imports, exports, told, loadMs } = proof.value;
  const refused = judging.with(provedOf(imports, loadMs));
  if (refused !== undefined) return refused;
  const capabilities = known?.capabilities ?? settings.capabilities ?? [...imports, ...exports];
  const noted = { ...(loadMs === undefined ? {} : { loadMs }), ...(id === undefined ? {} : { proof: id }) };
  const proved = { ...noted, ...(told === undefined ? {} : { told }) };
  return ok({ content: { ...content, capabilities, ...proved }, measurements: proof.value, look, ...held, judgement: judging.judgement });
}

function damaged(wasmDigest: Digest): Failure {
  const message = `the stored module ${wasmDigest} no longer has its digest; it is fetched again`;
  return { reason: "ModuleDamaged", message, retryable: true };
}

/** A reference with the digest that a tag stood for: what a person can look at even when the tag has moved on. */
function exactly(image: string, digest: Digest): string {
  return image.includes("@") || /^https?:\/\//.test(image) ? image : `${image}@${digest}`;
}
