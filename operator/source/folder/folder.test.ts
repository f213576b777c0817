import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Facts, type Log, silentLog } from "../../../model/log.ts";
import { filter, image, openTestFolder, secret, until } from "../../testing/test-folder.ts";
import { configMapData } from "./assemble.ts";

describe("a folder of manifests", () => {
  test("reads every object of YAML files with several documents, lists, and JSON", async (t) => {
    const { source, problems } = await openTestFolder(t, {
      "many.yaml": `${filter("a")}---\n# nothing here\n---\n${filter("b")}`,
      "c.json": JSON.stringify({
        apiVersion: "weir.dev/v1alpha1",
        kind: "WasmFilter",
        metadata: { name: "c", namespace: "shop" },
        spec: { image: "a/b" },
      }),
      "list.yml": `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: weir.dev/v1alpha1, kind: WasmFilter, metadata: {name: d}, spec: {image: a/b}}\n`,
      "other.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n",
      ".hidden.yaml": filter("hidden"),
      "notes.txt": filter("text"),
    });
    assert.deepEqual([...source.filters().keys()].sort(), ["default/a", "default/b", "default/d", "shop/c"]);
    assert.deepEqual([...problems], []);
    const metadata = source.filters().get("default/a")?.metadata;
    assert.equal(metadata?.generation, 1);
    assert.equal(metadata?.namespace, "default");
    assert.match(metadata?.uid ?? "", /^[0-9a-f-]{36}$/);
  });

  test("a file that is no YAML is a problem with its line; what it held stays in force, the rest lives on, over a restart too", async (t) => {
    const { source, write, restart, problems } = await openTestFolder(t, { "a.yaml": filter("a"), "b.yaml": filter("b") });
    const uid = source.filters().get("default/a")?.metadata.uid;
    await write("a.yaml", `${filter("a", "a/b:2")}  config: {broken: [}\n`);
    await until(() => problems.has("a.yaml"), "the problem");
    assert.match(problems.get("a.yaml") ?? "", /^line 6, column 21: not YAML: /);
    assert.equal(image(source), "a/b:1");
    await write("b.yaml", filter("b", "a/b:2"));
    await until(() => image(source, "default/b") === "a/b:2", "the other file's change");
    const again = await restart();
    assert.equal(image(again), "a/b:1");
    assert.equal(again.filters().get("default/a")?.metadata.uid, uid);
    assert.ok(problems.has("a.yaml"));
    await write("a.yaml", filter("a", "a/b:3"));
    await until(() => image(again) === "a/b:3", "the mended file");
    assert.equal(problems.size, 0);
    assert.equal(again.filters().get("default/a")?.metadata.generation, 2);
  });

  test("problems never quote a file, which may hold a Secret", async (t) => {
    const broken = {
      "a.yaml": 'kind: Secret\nx: "y" hunter2\n',
      "b.json": '{"password": hunter2}',
      "c.yaml": "a: *hunter2\n",
      "d.yaml": "%hunter2 x\n: :\n",
    };
    const { problems } = await openTestFolder(t, { ...broken, "e.yaml": secret("s", "k", "7").replace("stringData", "data") });
    assert.deepEqual([...problems.keys()].sort(), ["a.yaml", "b.json", "c.yaml", "d.yaml", "e.yaml"]);
    for (const message of problems.values()) assert.ok(!message.includes("hunter2"), message);
  });

  test("documents that are no named objects are problems; the file's others count", async (t) => {
    const { source, problems } = await openTestFolder(t, { "a.yaml": `just text\n---\n${filter("A_B")}---\nkind: X\n---\n${filter("a")}` });
    assert.deepEqual([...source.filters().keys()], ["default/a"]);
    assert.equal(
      problems.get("a.yaml"),
      "line 1: not a Kubernetes object; it needs apiVersion, kind and metadata | line 3: WasmFilter without a valid metadata.name | line 9: not a Kubernetes object; it needs apiVersion and kind",
    );
  });

  test("an alias bomb is a problem, quickly", async (t) => {
    const levels = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(",")}]`);
    const { source, problems } = await openTestFolder(t, { "bomb.yaml": `l0: &l0 x\n${levels.join("\n")}\n`, "a.yaml": filter("a") });
    assert.match(problems.get("bomb.yaml") ?? "", /too many aliases/);
    assert.ok(source.filters().has("default/a"));
  });

  test("of two files with the same object the first by path counts and the other is reported; when it goes, the other takes over", async (t) => {
    const { source, dir, problems } = await openTestFolder(t, { "1.yaml": filter("a", "a/one:1"), "2.yaml": filter("a", "a/two:1") });
    const uid = source.filters().get("default/a")?.metadata.uid;
    assert.equal(image(source), "a/one:1");
    assert.match(problems.get("2.yaml") ?? "", /^line 1: WasmFilter default\/a is in 1\.yaml already/);
    await rm(join(dir, "1.yaml"));
    await until(() => image(source) === "a/two:1", "the second file's object");
    assert.equal(source.filters().get("default/a")?.metadata.uid, uid);
  });

  test("of a ConfigMap that has a key in data and in binaryData neither counts, as no API server takes it, and that is told", async (t) => {
    const text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: text, own: a}\nbinaryData: {k: /w==}\n";
    const { source } = await openTestFolder(t, { "a.yaml": filter("a"), "c.yaml": text });
    const map = await source.configMap("default", "c");
    assert.deepEqual(map.ok && [...map.value.data.keys()], ["own"]);
    const told: string[] = [];
    configMapData({ data: { k: "text" }, binaryData: { k: "/w==" } }, (problem) => void told.push(problem));
    assert.deepEqual(told, ["data.k is in binaryData too; keep one of the two"]);
  });

  test("hands out Secrets and ConfigMaps decoded, tells of their changes, and says which is missing", async (t) => {
    const { source, write, told } = await openTestFolder(t, {
      "a.yaml": filter("a"),
      "s.yaml": `${secret("s", "token", "one")}data: {raw: AAEC, token: b2xk}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: text}\nbinaryData: {b: /w==}\n`,
    });
    const read = async () => {
      const result = await source.secret("default", "s");
      return result.ok ? Object.fromEntries([...result.value.data].map(([key, value]) => [key, value.toString("latin1")])) : result.error;
    };
    assert.deepEqual(await read(), { raw: "\u0000\u0001\u0002", token: "one" });
    const map = await source.configMap("default", "c");
    assert.ok(map.ok);
    assert.equal(map.value.data.get("k")?.toString(), "text");
    assert.deepEqual(map.value.data.get("b"), Buffer.from([255]));
    assert.deepEqual(await source.secret("shop", "s"), {
      ok: false,
      error: {
        reason: "SecretNotFound",
        message: `Secret shop/s is in no manifest of ${source.description.slice("folder ".length)}; add it there`,
        retryable: false,
      },
    });
    await until(() => told.length === 3, "the first listing");
    told.length = 0;
    await write("s.yaml", secret("s", "token", "two"));
    await until(async () => JSON.stringify(await read()) === '{"token":"two"}', "the new secret");
    await until(() => told.length > 1, "being told");
    assert.deepEqual(told.sort(), ["configmap/default/c", "secret/default/s"]);
  });

  test("an object of somebody else's is ignored and told once: as a warning where it has the name of one of Weir's kinds", async (t) => {
    const lines: string[] = [];
    const write = (level: string) => (message: string, facts?: Facts) =>
      void lines.push(`${level} ${message}: ${facts?.file} ${facts?.object}`);
    const log: Log = { ...silentLog, debug: write("debug"), warn: write("warn") };
    const foreign = filter("b").replace("weir.dev/v1alpha1", "other.example/v1");
    const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n";
    const folder = await openTestFolder(t, { "a.yaml": `${filter("a")}---\n${foreign}---\n${pod}` }, { log });
    await folder.write("a.yaml", `${filter("a", "a/b:2")}---\n${foreign}---\n${pod}`);
    await until(() => image(folder.source) === "a/b:2", "the changed image");
    assert.deepEqual([...folder.source.filters().keys()], ["default/a"]);
    assert.deepEqual([...folder.problems], []);
    assert.deepEqual(
      lines.map((line) => line.replace(/ is not Weir's.*/, "")),
      [
        "warn an object in a manifest is ignored: a.yaml other.example/v1 WasmFilter b",
        "debug an object in a manifest is ignored: a.yaml v1 Pod p",
      ],
    );
  });
});
