import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { applyManifest, deleteManifest, patchManifest } from "./edit.ts";

const KEY = { namespace: "default", name: "a" };
const DIGEST = `sha256:${"ab".repeat(32)}`;
const OTHER = `sha256:${"cd".repeat(32)}`;

const TWO = `# The team's filters.
apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata:
    name: a   # four spaces
spec:
    image:   'a/b:1'   # why this one
    config: {x: [1,2],   y: "z"}

--- # second
apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: b}
spec: {image: "a/b:1"}   # brief
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData:
  key: |
    # not a comment
    text
`;

async function folder(t: TestContext, files: Record<string, string>) {
  const dir = await mkdtemp(join(tmpdir(), "weir-edit-"));
  t.after(() => rm(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
  return { dir, read: (name: string) => readFile(join(dir, name), "utf8") };
}

describe("editing a folder of manifests", () => {
  test("setting the digest adds one line and changes no other byte; setting it anew changes that line; removing it restores the file", async (t) => {
    const { dir, read } = await folder(t, { "two.yaml": TWO });
    const digest = ["spec", "digest"];
    assert.deepEqual(await patchManifest(dir, KEY, digest, DIGEST), {
      ok: true,
      value: { kind: "WasmFilter", ...KEY, file: "two.yaml", change: "configured" },
    });
    assert.equal(await read("two.yaml"), TWO.replace("# why this one\n", `# why this one\n    digest: "${DIGEST}"\n`));
    await patchManifest(dir, KEY, digest, OTHER);
    assert.equal(await read("two.yaml"), TWO.replace("# why this one\n", `# why this one\n    digest: "${OTHER}"\n`));
    const again = await patchManifest(dir, KEY, digest, OTHER);
    assert.ok(again.ok && again.value.change === "unchanged");
    await patchManifest(dir, KEY, digest, undefined);
    assert.equal(await read("two.yaml"), TWO);
  });

  test("a spec in braces is edited in place too", async (t) => {
    const { dir, read } = await folder(t, { "two.yaml": TWO });
    await patchManifest(dir, { ...KEY, name: "b" }, ["spec", "digest"], DIGEST);
    assert.equal(await read("two.yaml"), TWO.replace('spec: {image: "a/b:1"}', `spec: {digest: "${DIGEST}", image: "a/b:1"}`));
    await patchManifest(dir, { ...KEY, name: "b" }, ["spec", "suspend"], true);
    assert.match(await read("two.yaml"), /spec: \{suspend: true, digest: /);
  });

  test("a field below one that is not there is added, comments kept", async (t) => {
    const { dir, read } = await folder(t, { "two.yaml": TWO });
    const result = await patchManifest(dir, KEY, ["metadata", "annotations", "weir.dev/note"], "yes");
    assert.ok(result.ok);
    const text = await read("two.yaml");
    assert.match(text, /annotations:\n +weir\.dev\/note: "?yes"?\n/);
    for (const kept of ["# The team's filters.", "# four spaces", "# why this one", "--- # second", "    # not a comment"])
      assert.ok(text.includes(kept), kept);
  });

  test("JSON stays JSON", async (t) => {
    const object = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "a" }, spec: { image: "a/b" } };
    const { dir, read } = await folder(t, { "a.json": `${JSON.stringify(object, undefined, 4)}\n` });
    await patchManifest(dir, KEY, ["spec", "digest"], DIGEST);
    assert.equal(await read("a.json"), `${JSON.stringify({ ...object, spec: { image: "a/b", digest: DIGEST } }, undefined, 4)}\n`);
    assert.ok((await applyManifest(dir, JSON.stringify({ ...object, spec: { image: "x/y" } }), "json")).ok);
    assert.deepEqual(JSON.parse(await read("a.json")), { ...object, spec: { image: "x/y" } });
    assert.ok((await deleteManifest(dir, "WasmFilter", KEY)).ok);
    assert.deepEqual(await readdir(dir), []);
  });

  test("an edit that would make the object wrong is refused and changes nothing", async (t) => {
    const { dir, read } = await folder(t, { "two.yaml": TWO });
    const bad = await patchManifest(dir, KEY, ["spec", "digest"], "abc");
    assert.ok(!bad.ok && bad.error.reason === "InvalidSpec");
    assert.match(bad.error.message, /^WasmFilter default\/a: spec\.digest: not a digest/);
    const missing = await patchManifest(dir, { ...KEY, name: "zzz" }, ["spec", "digest"], DIGEST);
    assert.ok(!missing.ok && missing.error.reason === "FilterNotFound");
    assert.equal(await read("two.yaml"), TWO);
  });

  test("applying replaces the object where it is, with the new text's comments, and leaves the other documents alone", async (t) => {
    const { dir, read } = await folder(t, { "two.yaml": TWO });
    const text = `# A new note.\n---\napiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: b}\nspec:\n  image: a/b:2 # newer\n`;
    const result = await applyManifest(dir, text, "yaml");
    assert.deepEqual(result, {
      ok: true,
      value: [{ kind: "WasmFilter", namespace: "default", name: "b", file: "two.yaml", change: "configured" }],
    });
    const [first, second, third] = (await read("two.yaml")).split(/^---.*\n/m);
    const [oldFirst, , oldThird] = TWO.split(/^---.*\n/m);
    assert.equal(first, oldFirst);
    assert.equal(second, text.replace("---\n", ""));
    assert.equal(third, oldThird);
    const again = await applyManifest(dir, text, "yaml");
    assert.ok(again.ok && again.value[0]?.change === "unchanged");
  });

  test("applying new objects gives each a file of its own, text and comments as they were, in the namespace asked for", async (t) => {
    const { dir, read } = await folder(t, { "shop-a.yaml": "# in the way\n" });
    const result = await applyManifest(dir, TWO, "yaml", "shop");
    assert.ok(result.ok);
    assert.deepEqual(
      result.value.map(({ file, change, namespace }) => [file, change, namespace]),
      [
        ["shop-a-2.yaml", "created", "shop"],
        ["shop-b.yaml", "created", "shop"],
        ["shop-s-secret.yaml", "created", "shop"],
      ],
    );
    assert.match(
      await read("shop-a-2.yaml"),
      /^# The team's filters\.\napiVersion[\s\S]*name: a {3}# four spaces\n {4}namespace: "shop"[\s\S]*# why this one\n/,
    );
    assert.match(await read("shop-b.yaml"), /metadata: \{namespace: "shop", name: b\}/);
    assert.equal(await read("shop-a.yaml"), "# in the way\n");
  });

  test("names as long as Kubernetes allows get files whose names a file system takes", async (t) => {
    const { dir, read } = await folder(t, {});
    const namespace = "n".repeat(63);
    for (const last of ["a", "b"]) {
      const name = "f".repeat(252) + last;
      const text = `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: ${name}}\nspec: {image: "a/b:1"}\n`;
      const result = await applyManifest(dir, text, "yaml", namespace);
      assert.ok(result.ok, JSON.stringify(result));
      assert.match(await read(result.value[0]?.file ?? ""), new RegExp(name));
    }
    assert.equal((await readdir(dir)).length, 2);
  });

  test("applying something wrong changes nothing and says what", async (t) => {
    const { dir } = await folder(t, {});
    const bad = await applyManifest(dir, TWO.replace('spec: {image: "a/b:1"}', "spec: {imagee: x}"), "yaml");
    assert.ok(!bad.ok && bad.error.reason === "InvalidSpec");
    assert.match(bad.error.message, /^WasmFilter default\/b: spec\.imagee: unknown field; did you mean image\?/);
    for (const text of ["", "kind: [", "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n", "just text"]) {
      const result = await applyManifest(dir, text, "yaml");
      assert.ok(!result.ok && result.error.reason === "InvalidManifest", text);
    }
    assert.deepEqual(await readdir(dir), []);
  });

  test("deleting takes the document out, and the file when nothing is left in it", async (t) => {
    const { dir, read } = await folder(t, { "two.yaml": TWO });
    assert.ok((await deleteManifest(dir, "WasmFilter", KEY)).ok);
    const text = await read("two.yaml");
    assert.equal(text, TWO.slice(TWO.indexOf("--- # second")));
    assert.ok((await deleteManifest(dir, "Secret", { ...KEY, name: "s" })).ok);
    const last = await deleteManifest(dir, "WasmFilter", { ...KEY, name: "b" });
    assert.deepEqual(last, {
      ok: true,
      value: { kind: "WasmFilter", namespace: "default", name: "b", file: "two.yaml", change: "deleted" },
    });
    assert.deepEqual(await readdir(dir), []);
    const gone = await deleteManifest(dir, "WasmFilter", KEY);
    assert.ok(!gone.ok && gone.error.reason === "FilterNotFound");
  });

  test("a file that is no YAML is named when the object may be in it, and is never rewritten", async (t) => {
    const { dir, read } = await folder(t, { "x.yaml": "kind: [" });
    const result = await patchManifest(dir, KEY, ["spec", "digest"], DIGEST);
    assert.ok(!result.ok);
    assert.match(result.error.message, /^mend x\.yaml \(line 1, column \d+: not YAML.*\) first: it may hold WasmFilter default\/a$/);
    assert.equal(await read("x.yaml"), "kind: [");
  });

  test("an edited file keeps its mode", async (t) => {
    const { dir } = await folder(t, { "two.yaml": TWO });
    await chmod(join(dir, "two.yaml"), 0o640);
    await patchManifest(dir, KEY, ["spec", "digest"], DIGEST);
    assert.equal((await stat(join(dir, "two.yaml"))).mode & 0o777, 0o640);
  });
});
