import type { Target } from "./target.ts";
import { images } from "./targets/images.ts";
import { manifests } from "./targets/manifests.ts";
import { modules } from "./targets/modules.ts";
import { requests } from "./targets/requests.ts";

/** Every way in that is fuzzed. */
export const TARGETS: readonly Target[] = [modules, requests, manifests, images];

/** Throws when there is none of that name. */
export function targetOf(name: string): Target {
  const target = TARGETS.find((each) => each.name === name);
  if (target === undefined) throw new Error(`no target "${name}"; there are ${TARGETS.map((each) => each.name).join(", ")}`);
  return target;
}
