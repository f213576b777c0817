import semver from "semver";
import type { ImageSource, TagPolicy } from "../../model/filter.ts";

/** The versions that a policy means. */
export interface VersionRange {
  fits(version: semver.SemVer): boolean;
}

/** What stands before a version, with the space that may follow it. */
const OPERATOR = /(=>|=<|>=|<=|!=|~>|[<>=~^])\s+/g;
/** Other ways to write an operator. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ["=>", ">="],
  ["=<", "<="],
]);

/**
 * Reads ranges as Flux does, https://github.com/Masterminds/semver#checking-version-constraints: `,` and space are "and", `||` is "or", `!=` leaves out. One thing
 * differs: whether pre-releases count is said by the policy and not by the range. `undefined`: that is no range.
 */
export function readVersionRange({ semver: text, prerelease }: TagPolicy): VersionRange | undefined {
  const alternatives = text.split("||").map((part) => readAlternative(part, prerelease));
  if (alternatives.includes(undefined)) return undefined;
  return {
    fits: (version) => (prerelease || version.prerelease.length === 0) && alternatives.some((alternative) => alternative?.fits(version)),
  };
}

function readAlternative(text: string, includePrerelease: boolean): VersionRange | undefined {
  const words = text.replaceAll(",", " ").replace(OPERATOR, "$1").split(" ").filter(Boolean);
  const isExclusion = (word: string) => word.startsWith("!=");
  const wanted = words.filter((word) => !isExclusion(word)).map((word) => word.replace(/^=[<>]/, (sign) => SYNONYMS.get(sign) ?? sign));
  try {
    const range = new semver.Range(wanted.join(" "), { includePrerelease });
    const excluded = words.filter(isExclusion).map((word) => new semver.Range(word.slice(2), { includePrerelease }));
    return words.length === 0 ? undefined : { fits: (version) => range.test(version) && !excluded.some((each) => each.test(version)) };
  } catch {
    return undefined;
  }
}

/** The version that a tag is, `1.2.3` or `v1.2.3` in full; `undefined`: it is none. */
function versionOf(tag: string): semver.SemVer | undefined {
  return /^v?\d/.test(tag) ? (semver.parse(tag) ?? undefined) : undefined;
}

/** The tag with the highest version that fits; of two that are the same version the shorter. `undefined`: none fits. */
export function highestTag(tags: readonly string[], policy: TagPolicy): string | undefined {
  const range = readVersionRange(policy);
  let best: { readonly tag: string; readonly version: semver.SemVer } | undefined;
  for (const tag of tags.toReversed()) {
    const version = versionOf(tag);
    if (version === undefined) continue;
    const order = best === undefined ? 1 : version.compare(best.version) || best.tag.length - tag.length;
    if (order > 0 && range?.fits(version)) best = { tag, version };
  }
  return best?.tag;
}

/** The image with the tag that a policy chose. */
export function taggedImage(image: string, tag: string | undefined): string {
  return tag === undefined ? image : `${image}:${tag}`;
}

/** True where a reference that was recorded is what the source means, as far as that can be told without asking. */
export function isMeant({ image, tagPolicy }: ImageSource, recorded: string): boolean {
  if (tagPolicy === undefined) return recorded === image;
  if (!recorded.startsWith(`${image}:`)) return false;
  const tag = recorded.slice(image.length + 1);
  return highestTag([tag], tagPolicy) === tag;
}
