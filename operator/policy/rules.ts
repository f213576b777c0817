import { describeMs } from "../../base/duration.ts";
import { matchesGlob } from "../../base/glob.ts";
import { clip } from "../../base/text.ts";
import { isHostFunction } from "../../model/capabilities.ts";
import type { ImageRule, Policy, PolicyRule } from "../../model/policy.ts";
import type { Subject } from "./subject.ts";

/** What a filter does against a rule. */
export interface Breach {
  readonly field: string;
  readonly message: string;
}

/** Characters of a list of what is allowed. */
const LONGEST_LIST = 200;

/** The patterns that an image matches, with their place in the policy. */
export function matchingImages({ images = [] }: Policy, repository: string): readonly (readonly [number, ImageRule])[] {
  return [...images.entries()].filter(([, { pattern }]) => matchesGlob(pattern, repository));
}

type Rule = (policy: Policy, subject: Subject) => Breach | undefined;

/** Each rule of a policy, by the field of its spec. What is not known of the subject breaks none. */
export const RULES: Readonly<Record<PolicyRule, Rule>> = {
  images(policy, { source }) {
    const { images } = policy;
    if (images === undefined || source.kind !== "image") return undefined;
    const matching = matchingImages(policy, source.repository);
    const field = "spec.image";
    if (matching.length === 0) {
      const allowed = listed(images.map(({ pattern }) => pattern));
      return { field, message: `${clip(source.repository, LONGEST_LIST)} is not allowed; take the image from one of ${allowed}` };
    }
    if (source.isPinned || !matching.some(([, { digestOnly }]) => digestOnly)) return undefined;
    return { field, message: "a tag alone is not allowed; name the digest too, by spec.digest or image@sha256:..." };
  },
  /** Of a policy that is enforced the condition Verified tells, and nothing goes further. */
  "images.verify"({ name }, { unsigned }) {
    const message = unsigned?.get(name);
    return message === undefined ? undefined : { field: "spec.image", message };
  },
  urls({ urls }, { source }) {
    if (urls === "Allow" || source.kind !== "url") return undefined;
    return { field: "spec.url", message: "URLs are not allowed; push the module to a registry and name it by spec.image" };
  },
  "capabilities.allow"({ capabilities }, subject) {
    const { allow } = capabilities ?? {};
    if (allow === undefined) return undefined;
    const beyond = calls(subject).filter((name) => isHostFunction(name) && !allow.includes(name));
    return breachOf(subject, beyond, `not among ${listed(allow)}`);
  },
  "capabilities.deny"({ capabilities }, subject) {
    const denied = new Set(capabilities?.deny);
    return breachOf(
      subject,
      calls(subject).filter((name) => denied.has(name)),
      "denied",
    );
  },
  slots({ slots }, { settings }) {
    if (slots === undefined || slots.includes(settings.slot)) return undefined;
    return { field: "spec.slot", message: `slot ${settings.slot} is not allowed; choose one of ${listed(slots)}` };
  },
  maxFiltersPerSlot({ maxFiltersPerSlot: max }, { settings, place }) {
    if (max === undefined || place <= max) return undefined;
    const message = `slot ${settings.slot} has ${max} of at most ${max} filters of this namespace already; delete one of them, or choose another slot`;
    return { field: "spec.slot", message };
  },
  maxModuleSize({ maxModuleSize: max }, { size, source }) {
    if (max === undefined || size === undefined || size <= max) return undefined;
    return { field: fieldOf(source), message: `the module has ${size} bytes, more than ${max}; make it smaller` };
  },
  maxLoad({ maxLoadMs: max }, { proved, source }) {
    if (max === undefined || proved === undefined) return undefined;
    const { loadMs } = proved;
    if (loadMs !== undefined && loadMs <= max) return undefined;
    const found =
      loadMs === undefined ? "how long the module loads could not be measured" : `the module loads in ${describeMs(loadMs)} of CPU`;
    return { field: fieldOf(source), message: `${found}, and at most ${describeMs(max)} are allowed; make it smaller` };
  },
  failurePolicies({ failurePolicies }, { settings }) {
    if (failurePolicies === undefined || failurePolicies.includes(settings.failurePolicy)) return undefined;
    const allowed = listed(failurePolicies);
    return { field: "spec.failurePolicy", message: `${settings.failurePolicy} is not allowed; choose one of ${allowed}` };
  },
};

/** The functions that the module can call: what its filter's own capabilities name or, without those, what it imports. */
function calls({ settings, proved }: Subject): readonly string[] {
  return settings.capabilities ?? proved?.imports ?? [];
}

function breachOf({ settings, source }: Subject, names: readonly string[], why: string): Breach | undefined {
  if (names.length === 0) return undefined;
  const isAsked = settings.capabilities !== undefined;
  const field = isAsked ? "spec.capabilities.allow" : fieldOf(source);
  const found = `${isAsked ? "" : "the module imports "}${listed(names)}`;
  const todo = isAsked ? "leave it out" : "build it without, or keep it from the module by spec.capabilities.allow";
  return { field, message: `${found}: ${why}; ${todo}` };
}

function fieldOf({ kind }: Subject["source"]): string {
  return kind === "image" ? "spec.image" : "spec.url";
}

function listed(names: readonly string[]): string {
  return clip(names.join(", "), LONGEST_LIST) || "none";
}
