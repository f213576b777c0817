import { ok, type Result } from "../../model/result.ts";
import { readSections } from "../binary/sections.ts";

/** The sizes of a module's parts, in bytes. */
export interface SectionSizes {
  /** Sections of the same name together, the largest first. */
  readonly sections: readonly { readonly name: string; readonly isCustom: boolean; readonly size: number }[];
  /** What `weir build` would leave out: custom sections, which no proxy reads, the names of functions among them. */
  readonly strippable: number;
}

/** Fails with `MalformedModule` or `ModuleTooLarge`. Linear in the number of sections. */
export function sectionSizes(bytes: Uint8Array): Result<SectionSizes> {
  const read = readSections(bytes);
  if (!read.ok) return read;
  const sizes = new Map<string, { name: string; isCustom: boolean; size: number }>();
  for (const { name, isCustom, start, end } of read.value) {
    const key = `${isCustom} ${name}`;
    const known = sizes.get(key);
    sizes.set(key, { name, isCustom, size: (known?.size ?? 0) + end - start });
  }
  const sections = [...sizes.values()].sort((a, b) => b.size - a.size);
  return ok({ sections, strippable: sections.reduce((sum, { isCustom, size }) => sum + (isCustom ? size : 0), 0) });
}
