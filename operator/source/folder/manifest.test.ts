import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { printExactJson } from "../../../model/exact-json.ts";
import { describeForeign, readManifest } from "./manifest.ts";

const object = (apiVersion: string, kind: string, name = "a") => `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}}\n`;

function read(text: string) {
  const manifest = readManifest(text, "yaml");
  assert.ok(manifest.ok, JSON.stringify(manifest));
  return manifest.value;
}

test("JSON keeps its digits, and refuses what would be altered", () => {
  const json = (config: string) => readManifest(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":${config}}`, "json");
  for (const config of ['{"a":9007199254740993}', '{"a":"\\\\ud800"}', '{"a":"😀"}']) {
    const read = json(config);
    assert.equal(printExactJson(read.ok ? read.value.objects[0]?.fields.data : read), config);
  }
  const said = (config: string) => {
    const read = json(config);
    return read.ok ? "" : read.error.message;
  };
  assert.equal(said('{"a":"\\ud83d\\ude00"}'), "");
  assert.match(said('{"a":"\\\\\\ud83d"}'), /^half of a UTF-16 pair/);
  assert.match(said('{"\\uDE00":"a"}'), /^half of a UTF-16 pair/);
  assert.match(said('{"a":1e400}'), /^a number in it is too large/);
  assert.match(said('{"a":}'), /not JSON$/);
});

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
      "other.example/v1 WasmFilter a is not Weir's; Weir reads WasmFilter (weir.dev/v1alpha1), WasmPolicy (weir.dev/v1alpha1), Secret (v1), ConfigMap (v1), Namespace (v1)",
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
