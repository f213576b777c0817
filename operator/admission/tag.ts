import { isPinned } from "../filter/look.ts";
import type { AdmissionCheck, Findings, Subject } from "./check.ts";

/** Warns of a tag that is looked at once: who pushes to it again expects to see it. */
export const tagCheck: AdmissionCheck = {
  fields: ["image", "digest", "tagPolicy", "pullPolicy"],
  judge({ filter }: Subject): Findings {
    const { source, pullPolicy } = filter;
    if (source.kind === "url" || pullPolicy === "Always" || isPinned(filter)) return {};
    if (source.tagPolicy !== undefined)
      return { warnings: ["spec.tagPolicy: tags are looked at once; follow them with spec.pullPolicy Always"] };
    return { warnings: ["spec.image: the tag is looked at once; pin it by spec.digest, or follow it with spec.pullPolicy Always"] };
  },
};
