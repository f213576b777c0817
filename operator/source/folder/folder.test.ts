import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../../model/clock.ts";
import type { Digest } from "../../../model/digest.ts";
import { silentLog } from "../../../model/log.ts";
import type { Revision } from "../../../model/revision.ts";
import type { Source } from "../source.ts";
import { createFolderSource } from "./folder.ts";

const KEY = { namespace: "default", name: "a" };
const DIGEST: Digest = `sha256:${"ab".repeat(32)}`;

const filter = (name: string, image = "a/b:1", more = "") => `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: ${name}}
spec:
  image: ${image}
${more}`;

const secret = (name: string, key: string, value: string) => `apiVersion: v1
kind: Secret
metadata: {name: ${name}}
stringData: {${key}: ${value}}
`;

interface Bench {
  readonly dir: string;
  readonly dataDir: string;
  readonly source: Source;
  write(name: string, text: string): Promise<void>;
  restart(): Promise<Source>;
  /** Ids of filters and references told as changed so far. */
  readonly told: string[];
}

async function bench(t: TestContext, manifests: Record<string, string> = {}): Promise<Bench> {
  const root = await mkdtemp(join(tmpdir(), "weir-folder-"));
  const dir = join(root, "filters");
  const dataDir = join(root, "data");
  await mkdir(dir);
  const write = (name: string, text: string) => writeFile(join(dir, name), text);
  for (const [name, text] of Object.entries(manifests)) await write(name, text);
  const told: string[] = [];
  const open = async () => {
    const source = createFolderSource({ dir, dataDir, log: silentLog, clock: systemClock, settleMs: 30, pollMs: 200 });
    source.onChange(({ filters, references }) => told.push(...filters, ...references));
    await source.start();
    return source;
  };
  let source = await open();
  t.after(async () => {
    await source.stop();
    await rm(root, { recursive: true, force: true });
  });
  return {
    dir,
    dataDir,
    told,
    write,
    get source() {
      return source;
    },
    async restart() {
      await source.stop();
      source = await open();
      return source;
    },
  };
}

/** Waits until `condition` holds, at most 10 s. */
async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) assert.fail(`waited 10 s for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const image = (source: Source, id = "default/a") => source.filters().get(id)?.spec.image;

const revision = (number: number, more: Partial<Revision> = {}): Revision => ({
  number,
  image: "a/b:1",
  digest: DIGEST,
  wasmDigest: DIGEST,
  settings: {
    type: "HTTP",
    slot: "default",
    priority: 0,
    config: "text",
    rootId: "",
    failurePolicy: "Reload",
    env: [],
    capabilities: undefined,
  },
  capabilities: ["proxy_log"],
  hash: `hash-${number}`,
  time: "2026-01-01T00:00:00Z",
  ...more,
});

test("reads every object of YAML files with several documents, lists, and JSON", async (t) => {
  const { source } = await bench(t, {
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
  assert.deepEqual([...source.problems()], []);
  const metadata = source.filters().get("default/a")?.metadata;
  assert.equal(metadata?.generation, 1);
  assert.equal(metadata?.namespace, "default");
  assert.match(metadata?.uid ?? "", /^[0-9a-f-]{36}$/);
});

test("follows changes, new files and removed files, and tells which filters they touch", async (t) => {
  const { source, write, dir, told } = await bench(t, { "a.yaml": filter("a"), "b.yaml": filter("b") });
  await until(() => told.length === 2, "the first listing");
  told.length = 0;
  await write("a.yaml", filter("a", "a/b:2"));
  await until(() => image(source) === "a/b:2", "the changed image");
  await until(() => told.length > 0, "being told");
  assert.deepEqual(told, ["default/a"]);
  await write("c.yaml", filter("c"));
  await until(() => source.filters().has("default/c"), "the new filter");
  await rm(join(dir, "b.yaml"));
  await until(() => !source.filters().has("default/b"), "the removed filter");
});

test("counts changes of the spec as generations and keeps uid, generation and status over a restart", async (t) => {
  const { source, write, restart } = await bench(t, { "a.yaml": filter("a") });
  const uid = source.filters().get("default/a")?.metadata.uid ?? "";
  await write("a.yaml", `# a comment\n${filter("a").replace("{name: a}", "{name: a, labels: {x: y}}")}`);
  await until(() => source.filters().get("default/a")?.metadata.labels?.x === "y", "the label");
  assert.equal(source.filters().get("default/a")?.metadata.generation, 1);
  await write("a.yaml", filter("a", "a/b:2"));
  await until(() => source.filters().get("default/a")?.metadata.generation === 2, "generation 2");
  assert.deepEqual(await source.writeStatus(KEY, uid, { observedGeneration: 2, digest: DIGEST }), { ok: true, value: undefined });
  const again = await restart();
  const object = again.filters().get("default/a");
  assert.equal(object?.metadata.uid, uid);
  assert.equal(object?.metadata.generation, 2);
  assert.deepEqual(object?.status, { observedGeneration: 2, digest: DIGEST });
  await write("a.yaml", filter("a", "a/b:3"));
  await until(() => again.filters().get("default/a")?.metadata.generation === 3, "generation 3");
});

test("a spec that changed while nobody watched counts as a generation", async (t) => {
  const { write, restart } = await bench(t, { "a.yaml": filter("a") });
  await write("a.yaml", filter("a", "a/b:2"));
  assert.equal((await restart()).filters().get("default/a")?.metadata.generation, 2);
});

test("an object that is removed and made again is another one: new uid, no status, no revisions", async (t) => {
  const { source, write, dir } = await bench(t, { "a.yaml": filter("a") });
  const uid = source.filters().get("default/a")?.metadata.uid ?? "";
  await source.saveRevision(KEY, uid, revision(1));
  await source.writeStatus(KEY, uid, { revision: 1 });
  await rm(join(dir, "a.yaml"));
  await until(() => !source.filters().has("default/a"), "the removal");
  await write("a.yaml", filter("a"));
  await until(() => source.filters().has("default/a"), "the new object");
  const object = source.filters().get("default/a");
  assert.notEqual(object?.metadata.uid, uid);
  assert.equal(object?.status, undefined);
  assert.deepEqual(await source.revisions(KEY, object?.metadata.uid ?? ""), { ok: true, value: [] });
  const late = await source.writeStatus(KEY, uid, { revision: 1 });
  assert.ok(!late.ok && late.error.reason === "ObjectGone");
});

test("a file that is no YAML is a problem with its line; what it held stays in force, the rest lives on, over a restart too", async (t) => {
  const { source, write, restart } = await bench(t, { "a.yaml": filter("a"), "b.yaml": filter("b") });
  const uid = source.filters().get("default/a")?.metadata.uid;
  await write("a.yaml", `${filter("a", "a/b:2")}  config: {broken: [}\n`);
  await until(() => source.problems().has("a.yaml"), "the problem");
  assert.match(source.problems().get("a.yaml") ?? "", /^line 6, column 21: not YAML: /);
  assert.equal(image(source), "a/b:1");
  await write("b.yaml", filter("b", "a/b:2"));
  await until(() => image(source, "default/b") === "a/b:2", "the other file's change");
  const again = await restart();
  assert.equal(image(again), "a/b:1");
  assert.equal(again.filters().get("default/a")?.metadata.uid, uid);
  assert.ok(again.problems().has("a.yaml"));
  await write("a.yaml", filter("a", "a/b:3"));
  await until(() => image(again) === "a/b:3", "the mended file");
  assert.equal(again.problems().size, 0);
  assert.equal(again.filters().get("default/a")?.metadata.generation, 2);
});

test("problems never quote a file, which may hold a Secret", async (t) => {
  const broken = {
    "a.yaml": 'kind: Secret\nx: "y" hunter2\n',
    "b.json": '{"password": hunter2}',
    "c.yaml": "a: *hunter2\n",
    "d.yaml": "%hunter2 x\n: :\n",
  };
  const { source } = await bench(t, { ...broken, "e.yaml": secret("s", "k", "7").replace("stringData", "data") });
  assert.deepEqual([...source.problems().keys()].sort(), ["a.yaml", "b.json", "c.yaml", "d.yaml", "e.yaml"]);
  for (const message of source.problems().values()) assert.ok(!message.includes("hunter2"), message);
});

test("documents that are no named objects are problems; the file's others count", async (t) => {
  const { source } = await bench(t, { "a.yaml": `just text\n---\n${filter("A_B")}---\nkind: X\n---\n${filter("a")}` });
  assert.deepEqual([...source.filters().keys()], ["default/a"]);
  assert.equal(
    source.problems().get("a.yaml"),
    "line 1: not a Kubernetes object; it needs apiVersion, kind and metadata | line 3: WasmFilter without a valid metadata.name | line 9: not a Kubernetes object; it needs apiVersion and kind",
  );
});

test("an alias bomb is a problem, quickly", async (t) => {
  const levels = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(",")}]`);
  const { source } = await bench(t, { "bomb.yaml": `l0: &l0 x\n${levels.join("\n")}\n`, "a.yaml": filter("a") });
  assert.match(source.problems().get("bomb.yaml") ?? "", /too many aliases/);
  assert.ok(source.filters().has("default/a"));
});

test("of two files with the same object the first by path counts and the other is reported; when it goes, the other takes over", async (t) => {
  const { source, dir } = await bench(t, { "1.yaml": filter("a", "a/one:1"), "2.yaml": filter("a", "a/two:1") });
  const uid = source.filters().get("default/a")?.metadata.uid;
  assert.equal(image(source), "a/one:1");
  assert.match(source.problems().get("2.yaml") ?? "", /^line 1: WasmFilter default\/a is in 1\.yaml already/);
  await rm(join(dir, "1.yaml"));
  await until(() => image(source) === "a/two:1", "the second file's object");
  assert.equal(source.filters().get("default/a")?.metadata.uid, uid);
});

test("an editor that empties, deletes or renames a file while it writes takes no filter away", async (t) => {
  const { source, write, dir } = await bench(t, { "a.yaml": filter("a") });
  const uid = source.filters().get("default/a")?.metadata.uid;
  let missing = 0;
  source.onChange(() => {
    if (!source.filters().has("default/a")) missing++;
  });
  for (let i = 2; i < 12; i++) {
    const text = filter("a", `a/b:${i}`);
    if (i % 3 === 0) {
      await write("a.yaml", "");
      await write("a.yaml", text.slice(0, 60));
      await write("a.yaml", text);
    } else if (i % 3 === 1) {
      await rm(join(dir, "a.yaml"));
      await write("a.yaml", text);
    } else {
      await write("a.yaml~", text);
      await rename(join(dir, "a.yaml~"), join(dir, "a.yaml"));
    }
    await until(() => image(source) === `a/b:${i}`, `image ${i}`);
  }
  assert.equal(missing, 0);
  assert.equal(source.filters().get("default/a")?.metadata.uid, uid);
});

test("a folder that vanishes takes nothing away, and comes back by itself", async (t) => {
  const { source, dir, write } = await bench(t, { "a.yaml": filter("a") });
  await rename(dir, `${dir}.away`);
  await until(() => source.problems().has(dir), "the problem");
  assert.match(source.problems().get(dir) ?? "", /does not exist/);
  assert.ok(source.filters().has("default/a"));
  await rename(`${dir}.away`, dir);
  await write("a.yaml", filter("a", "a/b:2"));
  await until(() => image(source) === "a/b:2", "the folder's return");
  assert.equal(source.problems().size, 0);
});

test("hands out Secrets and ConfigMaps decoded, tells of their changes, and says which is missing", async (t) => {
  const { source, write, told } = await bench(t, {
    "a.yaml": filter("a"),
    "s.yaml": `${secret("s", "token", "one")}data: {raw: AAEC, token: b2xk}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: text}\nbinaryData: {b: /w==}\n`,
  });
  const read = async () => {
    const result = await source.secret("default", "s");
    return result.ok ? Object.fromEntries([...result.value].map(([key, value]) => [key, value.toString("latin1")])) : result.error;
  };
  assert.deepEqual(await read(), { raw: "\u0000\u0001\u0002", token: "one" });
  const map = await source.configMap("default", "c");
  assert.ok(map.ok);
  assert.equal(map.value.get("k")?.toString(), "text");
  assert.deepEqual(map.value.get("b"), Buffer.from([255]));
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

test("Secrets are never written to the data folder", async (t) => {
  const { source, dataDir } = await bench(t, { "a.yaml": `${filter("a")}---\n${secret("s", "k", "hunter2")}` });
  const uid = source.filters().get("default/a")?.metadata.uid ?? "";
  const settings = { ...revision(1).settings, config: "hunter2" };
  assert.ok((await source.saveRevision(KEY, uid, revision(1, { settings, secretConfig: { name: "s", key: "k" } }))).ok);
  await source.writeStatus(KEY, uid, { revision: 1 });
  for (const path of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
    if (path.isFile()) assert.ok(!(await readFile(join(path.parentPath, path.name), "utf8")).includes("hunter2"), path.name);
  }
  const kept = await source.revisions(KEY, uid);
  assert.ok(kept.ok);
  assert.equal(kept.value[0]?.settings.config, "");
});

test("keeps revisions in rising order, over restarts, until they are deleted", async (t) => {
  const { source, restart, dataDir } = await bench(t, { "a.yaml": filter("a") });
  const uid = source.filters().get("default/a")?.metadata.uid ?? "";
  for (const number of [2, 10, 1]) assert.ok((await source.saveRevision(KEY, uid, revision(number))).ok);
  assert.ok((await source.saveRevision(KEY, uid, revision(2))).ok);
  assert.ok((await source.deleteRevision(KEY, uid, 1)).ok);
  assert.ok((await source.deleteRevision(KEY, uid, 1)).ok);
  const again = await restart();
  assert.deepEqual(await again.revisions(KEY, uid), { ok: true, value: [revision(2), revision(10)] });
  await writeFile(join(dataDir, "filters/default/a/revisions/2.json"), '{"number": 2');
  assert.deepEqual(await again.revisions(KEY, uid), { ok: true, value: [revision(10)] });
  assert.deepEqual(await again.revisions(KEY, "another uid"), { ok: true, value: [] });
});

test("a status that is there already is not written again; one written while another write runs is on the disk too", async (t) => {
  const { source, dataDir } = await bench(t, { "a.yaml": filter("a") });
  const uid = source.filters().get("default/a")?.metadata.uid ?? "";
  await Promise.all(Array.from({ length: 50 }, (_, revision) => source.writeStatus(KEY, uid, { revision })));
  const file = join(dataDir, "filters/default/a/filter.json");
  assert.deepEqual((JSON.parse(await readFile(file, "utf8")) as { status: unknown }).status, { revision: 49 });
  await rm(file);
  assert.ok((await source.writeStatus(KEY, uid, { revision: 49 })).ok);
  await assert.rejects(readFile(file));
});

test("a data folder that cannot be written is a failure that may pass, and passes", async (t) => {
  const { source, dataDir } = await bench(t, { "a.yaml": filter("a") });
  const uid = source.filters().get("default/a")?.metadata.uid ?? "";
  const dir = join(dataDir, "filters/default/a");
  await rm(dir, { recursive: true });
  await writeFile(dir, "in the way");
  const failed = await source.writeStatus(KEY, uid, { revision: 1 });
  assert.ok(!failed.ok && failed.error.retryable && failed.error.reason === "StorageFailed");
  await rm(dir);
  assert.ok((await source.writeStatus(KEY, uid, { revision: 1 })).ok);
  assert.match(await readFile(join(dir, "filter.json"), "utf8"), /"revision": 1/);
});
