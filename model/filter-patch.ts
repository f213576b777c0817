import type { Digest } from "./digest.ts";

/** Fields of a WasmFilter that people set one by one; `null` removes a field. */
export interface FilterPatch {
  readonly image?: string;
  readonly digest?: Digest | null;
  readonly suspend?: boolean | null;
  readonly annotations?: Readonly<Record<string, string | null>>;
}

const SPEC_FIELDS = ["image", "digest", "suspend"] as const;

/** One field, from the object's root: `["spec", "digest"]`. `null`: it goes. */
export interface PatchedField {
  readonly path: readonly string[];
  readonly value: string | boolean | null;
}

/** The fields that a patch sets. Annotations come first: they say why the rest changes. */
export function patchedFields(patch: FilterPatch): readonly PatchedField[] {
  const annotations = Object.entries(patch.annotations ?? {}).map(([name, value]) => ({ path: ["metadata", "annotations", name], value }));
  const spec = SPEC_FIELDS.flatMap((name) => {
    const value = patch[name];
    return value === undefined ? [] : [{ path: ["spec", name], value }];
  });
  return [...annotations, ...spec];
}

/** As a JSON merge patch. `resourceVersion`: the API server refuses it when the object has another one. https://www.rfc-editor.org/rfc/rfc7386 */
export function mergePatch(patch: FilterPatch, resourceVersion?: string): object {
  const spec = Object.fromEntries(SPEC_FIELDS.flatMap((name) => (patch[name] === undefined ? [] : [[name, patch[name]]])));
  const metadata = {
    ...(patch.annotations === undefined ? {} : { annotations: patch.annotations }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  return {
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    ...(Object.keys(spec).length === 0 ? {} : { spec }),
  };
}
