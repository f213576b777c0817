import { describeMs } from "../../base/duration.ts";
import { clip, count, oneLine, wrap } from "../../base/text.ts";
import type { ImageReferrer } from "../../model/catalog.ts";
import type { CarriedSchema } from "../../model/config-schema.ts";
import { type InspectedImage, printBytes } from "../../oci/index.ts";
import type { ModuleFacts, SectionSizes } from "../../preflight/index.ts";
import { table } from "./table.ts";

export interface ModuleInput {
  readonly name: string;
  readonly wasmDigest: string;
  readonly image: Omit<InspectedImage, "bytes"> | undefined;
  readonly facts: ModuleFacts;
  /** CPU milliseconds; `undefined`: not measured. */
  readonly loadMs: number | undefined;
  readonly sizes?: SectionSizes | undefined;
  readonly referrers?: readonly ImageReferrer[];
}

/** What `weir inspect` prints. */
export function renderModule({ name, wasmDigest, image, facts, loadMs, sizes, referrers = [] }: ModuleInput): string {
  const { size, abi, memory, hasStart, problem, imports, exports } = facts;
  const rows = [
    ...(image === undefined ? [] : imageRows(image)),
    ...referrers.map(({ artifactType, digest }) => ["refers", `${digest} (${artifactType})`]),
    ["module", `${wasmDigest} (${size} bytes)`],
    ...(sizes === undefined ? [] : sizeRows(sizes)),
    ["ABI", abi === undefined ? "none: not a proxy-wasm module" : `proxy-wasm ${abi}`],
    ["memory", memory === undefined ? "none" : pages(memory)],
    ...(hasStart ? [["start", "runs code when it is instantiated"]] : []),
    ...(loadMs === undefined ? [] : [["load", `${describeMs(loadMs)} of CPU on each proxy`]]),
    ["Envoy", problem === undefined ? "no problem found; `weir verify` runs it" : `cannot load it (${problem.reason}): ${problem.message}`],
  ];
  return `${[oneLine(name), ...table(undefined, rows, "  "), ...names("imports", imports), ...names("exports", exports)].join("\n")}\n`;
}

function imageRows({ indexDigest, manifest, layer, module }: Omit<InspectedImage, "bytes">): string[][] {
  return [
    ...(indexDigest === undefined ? [] : [["index", indexDigest]]),
    ["digest", `${manifest.digest} (${manifest.artifactType ?? manifest.config?.mediaType ?? manifest.mediaType})`],
    ...Object.entries(manifest.annotations)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ["says", `${key} = ${clip(value, 200)}`]),
    ["layer", `${layer.digest} (${layer.mediaType}, ${layer.size} bytes)`],
    ...(module.configSchema === undefined ? [] : [["config", describeSchema(module.configSchema)]]),
  ];
}

const SHOWN_SECTIONS = 8;

function sizeRows({ sections, strippable }: SectionSizes): string[][] {
  const shown = sections
    .slice(0, SHOWN_SECTIONS)
    .map(({ name, isCustom, size }) => `${isCustom ? JSON.stringify(name) : name} ${printBytes(size)}`);
  const rest = sections.length > SHOWN_SECTIONS ? [`${sections.length - SHOWN_SECTIONS} more`] : [];
  const saved =
    strippable === 0
      ? []
      : [["strip", `${printBytes(strippable)} are in custom sections, which no proxy reads; weir build leaves them out`]];
  return [["parts", [...shown, ...rest].join(", ")], ...saved];
}

function describeSchema(schema: CarriedSchema): string {
  if ("problem" in schema) return `its schema ${oneLine(schema.problem)}`;
  return `judged by a JSON Schema of ${count(Buffer.byteLength(schema.text), "byte")}; -o json shows it`;
}

function pages({ initialPages, maximumPages }: NonNullable<ModuleFacts["memory"]>): string {
  const limit = maximumPages === undefined ? "no limit of its own" : `at most ${maximumPages}`;
  return `${count(initialPages, "page", " of 64 KiB")} at the start, ${limit}`;
}

function names(title: string, all: readonly string[]): string[] {
  if (all.length === 0) return [];
  return [
    `  ${title} (${all.length})`,
    ...wrap(all.map(oneLine).join(" "), 96)
      .split("\n")
      .map((line) => `    ${line}`),
  ];
}
