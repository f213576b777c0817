import { matchesGlob } from "../../base/glob.ts";
import { clip } from "../../base/text.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { Policy } from "../../model/policy.ts";
import { parsePolicy } from "../parse/policy.ts";
import { selectsNamespace } from "./book.ts";

/** What a look at policies needs to know of a cluster. */
export interface PolicyScene {
  /** By name, raw. */
  readonly policies: ReadonlyMap<string, object>;
  /** Name -> labels. */
  readonly namespaces: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly filters: readonly WasmFilter[];
  readonly repositoryOf: (image: string) => string;
}

/** `fail`: it holds up filters. `warn`: it does not do what somebody may think. */
export interface PolicyMistake {
  readonly status: "warn" | "fail";
  readonly message: string;
}

/** Mistakes that are told; the others are counted. */
const MAX_TOLD = 20;
const LONGEST = 500;

/** A policy with the namespaces that it is for. */
interface Placed {
  readonly policy: Policy;
  readonly namespaces: ReadonlySet<string>;
}

/** Policies that cannot be read, match nothing, or contradict each other. */
export function policyMistakes(scene: PolicyScene): readonly PolicyMistake[] {
  const placed: Placed[] = [];
  const found: PolicyMistake[] = [];
  for (const [name, raw] of scene.policies) {
    const policy = parsePolicy(raw);
    if (policy.ok) placed.push({ policy: policy.value, namespaces: namespacesOf(policy.value, scene) });
    else
      found.push({
        status: "fail",
        message: `WasmPolicy ${name} cannot be read, and nothing new goes out where it is for: ${policy.error.message}`,
      });
  }
  found.push(
    ...placed.flatMap((each) => idle(each, scene)),
    ...placed.flatMap((each, index) => placed.slice(index).flatMap((other) => between(each, other))),
  );
  const told = found.slice(0, MAX_TOLD).map(({ status, message }) => ({ status, message: clip(message, LONGEST) }));
  if (found.length > MAX_TOLD) told.push({ status: "warn", message: `and ${found.length - MAX_TOLD} more about policies` });
  return told;
}

function namespacesOf({ namespaces }: Policy, scene: PolicyScene): ReadonlySet<string> {
  const matching = [...scene.namespaces].filter(([name, labels]) => selectsNamespace(namespaces, name, labels));
  return new Set(matching.map(([name]) => name));
}

/** What of a policy is for nothing. */
function idle({ policy, namespaces }: Placed, { filters, repositoryOf }: PolicyScene): PolicyMistake[] {
  if (namespaces.size === 0) return [warn(`WasmPolicy ${policy.name} is for no namespace; check spec.namespaceSelector`)];
  const images = filters.flatMap(({ metadata, spec }) =>
    namespaces.has(metadata.namespace ?? "default") && typeof spec?.image === "string" ? [repositoryOf(spec.image)] : [],
  );
  if (images.length === 0) return [];
  return (policy.images ?? [])
    .filter(({ pattern }) => !images.some((image) => matchesGlob(pattern, image)))
    .map(({ pattern }) =>
      warn(
        `WasmPolicy ${policy.name}: pattern ${pattern} matches no image of the filters that it is for; patterns are written in full, with their registry`,
      ),
    );
}

/** Why no filter, or no function, can hold to both; also of a policy with itself. */
function between(a: Placed, b: Placed): PolicyMistake[] {
  const isShared = [...a.namespaces].some((name) => b.namespaces.has(name));
  if (!isShared || a.policy.mode === "Audit" || b.policy.mode === "Audit") return [];
  const names = a === b ? `WasmPolicy ${a.policy.name}` : `WasmPolicies ${a.policy.name} and ${b.policy.name}`;
  const none = (["slots", "failurePolicies"] as const).filter((rule) => areApart(a.policy[rule], b.policy[rule]));
  const torn = [...new Set([...deniedOf(a.policy, b.policy), ...deniedOf(b.policy, a.policy)])];
  return [
    ...none.map((rule) => warn(`${names} have no value of ${rule} in common: no filter can hold to both`)),
    ...(areImagesApart(a.policy, b.policy) ? [warn(`${names} allow no image in common: no filter can hold to both`)] : []),
    ...(torn.length === 0 ? [] : [warn(`${names} both allow and deny ${torn.join(", ")}: it is denied`)]),
  ];
}

function areApart(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return a !== undefined && b !== undefined && !a.some((value) => b.includes(value));
}

function deniedOf({ capabilities: allows }: Policy, { capabilities: denies }: Policy): readonly string[] {
  return (allows?.allow ?? []).filter((name) => denies?.deny.includes(name));
}

/** Only where one of the two names repositories without stars can it be told. */
function areImagesApart(a: Policy, b: Policy): boolean {
  if (a.images === undefined || b.images === undefined || a.urls === "Allow" || b.urls === "Allow") return false;
  return isExactApart(a.images, b.images) || isExactApart(b.images, a.images);
}

function isExactApart(exact: NonNullable<Policy["images"]>, others: NonNullable<Policy["images"]>): boolean {
  const isExact = exact.every(({ pattern }) => !pattern.includes("*"));
  return isExact && !exact.some(({ pattern }) => others.some((other) => matchesGlob(other.pattern, pattern)));
}

function warn(message: string): PolicyMistake {
  return { status: "warn", message };
}
