import assert from "node:assert/strict";
import { stringify } from "yaml";
import { parseExactJson, printExactJson } from "../../../model/exact-json.ts";
import { GOOD } from "../../../operator/parse/accepted.cases.ts";
import { parseFilter, problemsOf } from "../../../operator/parse/filter.ts";
import { BAD } from "../../../operator/parse/refused.cases.ts";
import { assemble } from "../../../operator/source/folder/assemble.ts";
import { patchYaml } from "../../../operator/source/folder/document.ts";
import { readManifest } from "../../../operator/source/folder/manifest.ts";
import { type Input, stateOf, type Target, textInput } from "../target.ts";

/** No message grows with what somebody wrote. */
const MAX_MESSAGE = 16 * 1024;

/**
 * A manifest file, from its text to filters, as the folder and an API server bring them. Nothing throws; what is wrong is told in bounded words; what is right
 * parses again to the same after a round trip through JSON, and may be edited.
 */
export const manifests: Target = {
  name: "manifests",
  code: [
    "operator/parse/",
    "operator/source/folder/manifest.ts",
    "operator/source/folder/yaml.ts",
    "operator/source/folder/yaml-one.ts",
    "operator/source/folder/values.ts",
    "operator/source/folder/scalar.ts",
    "operator/source/folder/assemble.ts",
    "operator/source/folder/document.ts",
  ],
  words: [
    ...[
      "apiVersion: weir.dev/v1alpha1\n",
      "kind: WasmFilter\n",
      "metadata: {name: a}\n",
      "spec:\n",
      "---\n",
      "  image: a/b:1\n",
      "&a ",
      "*a",
      "<<: ",
      "!!binary ",
    ],
    ...[
      "config: ",
      "rollout: {steps: [{percent: 10}, {percent: 100}]}\n",
      "null",
      "1e400",
      "9007199254740993",
      "[",
      "]",
      "{",
      "}",
      "|\n",
      "? ",
      "- ",
      "\\u0000",
    ],
  ],
  maxBytes: 64 * 1024,
  maxMs: 1_000,
  seeds,
  run([bytes = new Uint8Array()]): string {
    const text = Buffer.from(bytes).toString();
    const format = text.trimStart().startsWith("{") ? "json" : "yaml";
    const read = readManifest(text, format);
    if (!read.ok) return stateOf(bounded(read.error.message));
    const { filters, problems } = assemble(new Map([["a.yaml", read.value]]));
    for (const problem of problems.values()) bounded(problem.slice(0, MAX_MESSAGE));
    const states = new Set<string>();
    for (const { fields } of filters.values()) {
      const parsed = parseFilter(fields);
      if (!parsed.ok) {
        bounded(parsed.error.message);
        for (const { message } of problemsOf(fields).slice(0, 1)) states.add(stateOf(message));
      } else {
        const again = parseFilter(parseExactJson(printExactJson(fields)));
        assert.deepEqual(again, parsed, "a round trip through JSON changes the filter");
        states.add("fine");
      }
    }
    if (format === "yaml" && filters.size === 1 && read.value.objects.length === 1) edit(text);
    return [...states].sort().join(" | ");
  },
};

/** What `weir rollback` does to a file: where it is no map, that is refused; otherwise the text is a manifest before and after. */
function edit(text: string): void {
  let edited: string;
  try {
    edited = patchYaml(text, ["spec", "digest"], `sha256:${"0".repeat(64)}`);
  } catch {
    return;
  }
  assert(readManifest(edited, "yaml").ok, "an edited manifest cannot be read");
}

function bounded(message: string): string {
  assert(message.length > 0 && message.length <= MAX_MESSAGE, `a message of ${message.length} characters`);
  return message;
}

async function seeds(): Promise<readonly Input[]> {
  const objects = [...GOOD, ...BAD].map(({ spec }) => ({
    apiVersion: "weir.dev/v1alpha1",
    kind: "WasmFilter",
    metadata: { name: "a" },
    spec,
  }));
  return [
    ...objects.map((object, index) => textInput(index % 4 === 0 ? JSON.stringify(object) : stringify(object))),
    ...TEXTS.map(textInput),
  ];
}

const TEXTS = [
  "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: b}\ndata: {c: ZA==}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: x}\ndata: {a: b}\n",
  "a: &a [1]\nb: *a\n<<: {c: 1}\n? x\n: y\n--- # two\n- |\n text\n- >-\n folded\n",
  "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d\n",
  '{"apiVersion": "weir.dev/v1", "kind": "WasmFilter", "metadata": {"name": "A"}}',
];
