import { isDeepStrictEqual } from "node:util";
import type { Pod } from "./pod.ts";

/** https://www.rfc-editor.org/rfc/rfc6902 */
export interface PatchOperation {
  readonly op: "add";
  readonly path: string;
  readonly value: unknown;
}

/** From a pod to the injected one: `add` replaces what is there. No operation when they are equal. */
export function patchOf(before: Pod, after: Pod): PatchOperation[] {
  const places = [
    ...["labels", "annotations"].map((name) => ({ path: `/metadata/${name}`, from: before.metadata[name], to: after.metadata[name] })),
    ...["initContainers", "containers", "volumes"].map((name) => ({
      path: `/spec/${name}`,
      from: before.spec[name],
      to: after.spec[name],
    })),
  ];
  return places.flatMap(({ path, from, to }) => (isDeepStrictEqual(from, to) ? [] : [{ op: "add", path, value: to }]));
}
