import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { describeForeign, readManifest } from "./manifest.ts";

const object = (apiVersion: string, kind: string, name = "a") => `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}}\n`;

function read(text: string) {
  const manifest = readManifest(text, "yaml");
  assert.ok(manifest.ok, JSON.stringify(manifest));
  return manifest.value;
}

describe("which objects of a manifest are Weir's", () => {
  test("a WasmFilter of any version of Weir's API, a Secret and a ConfigMap", () => {
    const ours = [
      object("weir.dev/v1alpha1", "WasmFilter"),
      object("weir.dev/v9", "WasmFilter", "b"),
      object("v1", "Secret"),
      object("v1", "ConfigMap"),
    ];
    const { objects, foreign, problems } = read(ours.join("---\n"));
    assert.deepEqual(
      objects.map(({ kind, name, line }) => `${line} ${kind} ${name}`),
      ["1 WasmFilter a", "5 WasmFilter b", "9 Secret a", "13 ConfigMap a"],
    );
    assert.deepEqual([foreign, problems], [[], []]);
  });

  test("not what only has the name of such a kind, and nothing else", () => {
    const others = [
      object("other.example/v1", "WasmFilter"),
      object("v2", "Secret"),
      object("apps/v1", "Deployment"),
      object("weir.dev/v1alpha1", "Other"),
    ];
    const { objects, foreign } = read(others.join("---\n"));
    assert.deepEqual(objects, []);
    assert.deepEqual(
      foreign.map(({ apiVersion, kind, line }) => `${line} ${apiVersion} ${kind}`),
      ["1 other.example/v1 WasmFilter", "5 v2 Secret", "9 apps/v1 Deployment", "13 weir.dev/v1alpha1 Other"],
    );
    assert.equal(
      foreign.slice(0, 1).map(describeForeign).join(),
      "other.example/v1 WasmFilter a is not Weir's; Weir reads WasmFilter (weir.dev/v1alpha1), Secret (v1), ConfigMap (v1)",
    );
  });

  test("those of a List too, wherever it is", () => {
    const items = [object("v1", "Secret"), object("v1", "Pod")].map((text) => `- ${text.trimEnd().replaceAll("\n", "\n  ")}\n`).join("");
    const { objects, foreign } = read(`apiVersion: v1\nkind: List\nitems:\n${items}`);
    assert.deepEqual(
      objects.map(({ kind, document }) => [kind, document]),
      [["Secret", undefined]],
    );
    assert.equal(foreign.length, 1);
  });
});
