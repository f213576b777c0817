import assert from "node:assert/strict";
import { glob, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isRecord } from "../base/json.ts";
import { parseExactJson, printExactJson } from "../model/exact-json.ts";
import type { WasmFilter, WasmFilterSpec } from "../model/gen/wasmfilter.ts";
import { printYaml, readManifest } from "../operator/index.ts";
import { GOOD } from "../operator/parse/accepted.cases.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { installGoTool } from "../scripts/tools/go.ts";
import { run } from "../scripts/tools/run.ts";
import { accessTo, type Cluster, installCrds, kubectl, startCluster } from "./support/cluster.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { weir } from "./support/weir.ts";
import { STRICTER, withValue, YAML_TEXTS } from "./support/yaml-texts.ts";
import { YAML_VALUES } from "./support/yaml-values.ts";

let cluster: Cluster;

before(async () => {
  cluster = await startCluster();
  await installCrds(cluster);
});

after(() => cluster?.stop());

/** Names of a case's objects begin with it. */
const nameOf = (index: number) => `case-${String(index).padStart(4, "0")}`;

/** What the real kubectl would send for each text: name and config of its objects. `undefined`: it refuses the text, or finds no object in it. */
async function kubectlReads(texts: readonly string[]): Promise<readonly (string | undefined)[]> {
  const folder = await createTempFolder("manifests");
  try {
    const manifests = join(folder.path, "manifests");
    await mkdir(manifests);
    await Promise.all(
      texts.map((text, index) => writeFile(join(manifests, `${nameOf(index)}.yaml`), text.replaceAll("NAME", nameOf(index)))),
    );
    // It goes on after a file that it refuses, and names it.
    const args = ["create", "--dry-run=client", "-o", "json", "-f", manifests];
    const binary = await installGoTool("kubectl");
    const { stdout, stderr } = await run(binary, ["--kubeconfig", cluster.kubeconfig, "--cache-dir", join(folder.path, "cache"), ...args], {
      timeoutMs: 60_000,
    });
    const read = texts.map(() => "");
    for (const object of stdout.split(/(?<=^\})\n/m).filter((text) => text.trim() !== "")) {
      const { metadata, spec } = parseExactJson(object) as { metadata: { name: string }; spec?: { config?: unknown } };
      const index = Number(metadata.name.slice("case-".length, nameOf(0).length));
      read[index] += shown(metadata.name, spec?.config);
    }
    const refused = new Set([...stderr.matchAll(/\/(case-\d+)\.yaml/g)].map(([, name]) => name));
    return read.map((objects, index) => (objects === "" || refused.has(nameOf(index)) ? undefined : objects));
  } finally {
    await folder.remove();
  }
}

/** The same as Weir reads it, and why not. */
function weirReads(text: string, index: number): { readonly read?: string; readonly said: string } {
  const manifest = readManifest(text.replaceAll("NAME", nameOf(index)), "yaml");
  if (!manifest.ok) return { said: manifest.error.message };
  const { objects, problems } = manifest.value;
  if (problems.length > 0 || objects.length === 0) return { said: problems.join() };
  return {
    said: "",
    read: objects.map(({ name, fields }) => shown(name, isRecord(fields.spec) ? fields.spec.config : undefined)).join(""),
  };
}

function shown(name: string, config: unknown): string {
  return `${name} ${printExactJson(sorted(config))}\n`;
}

/** kubectl sorts names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  const fields = Object.entries(value).map(([key, field]) => [key, sorted(field)] as const);
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("a manifest means what it means to kubectl", () => {
  test("each value and each text of the tables is the same, or refused by both, and Weir says in which line", async (t) => {
    const texts = [...YAML_VALUES.map(withValue), ...YAML_TEXTS];
    assert.ok(YAML_VALUES.length >= 500 && YAML_TEXTS.length >= 150, `${YAML_VALUES.length} values, ${YAML_TEXTS.length} texts`);
    const expected = await kubectlReads(texts);
    const differences: string[] = [];
    let refused = 0;
    for (const [index, text] of texts.entries()) {
      const { read, said } = weirReads(text, index);
      if (read !== expected[index])
        differences.push(`${JSON.stringify(text.slice(-80))}\n  kubectl: ${expected[index]}\n  weir: ${read ?? said}`);
      if (read !== undefined || said === "") continue;
      refused++;
      assert.match(said, /^line \d+|^a number in it is too large|nested too deeply/, JSON.stringify(text));
    }
    t.diagnostic(`${texts.length} texts, refused by both: ${refused}, differences: ${differences.length}`);
    assert.deepEqual(differences, []);
  });

  test("the example of docs/manifests.md is read as the page says, by both", async () => {
    const page = await readFile(join(ROOT, "docs/manifests.md"), "utf8");
    const [yaml = "", json = ""] = [...page.matchAll(/^```(?:yaml|json) config\n(.*?)^```$/gms)].map(([, block]) => block);
    const text = withValue(`\n${yaml.replaceAll(/^/gm, "      ")}`);
    const says = shown(nameOf(0), { a: parseExactJson(json) });
    assert.deepEqual(await kubectlReads([text]), [says]);
    assert.equal(weirReads(text, 0).read, says);
  });

  test("what kubectl takes and Weir refuses is known: nobody means it", async () => {
    const expected = await kubectlReads(STRICTER.map(([text]) => text));
    for (const [index, [text, why]] of STRICTER.entries()) {
      assert.ok(expected[index] !== undefined, `kubectl refuses ${text}`);
      const { read, said } = weirReads(text, index);
      assert.equal(read, undefined, text);
      assert.match(said, why);
    }
  });
});

describe("what becomes of a manifest on its way to the API server", () => {
  const text = (name: string, turn: number) =>
    `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: ${name}, namespace: default}\nspec:\n  image: r.example/f:1\n` +
    `  config: {turn: ${turn}, i: ~, a: {b: null}, big: ${turn === 1 ? "9007199254740993" : "9007199254740995"}, list: [null]}\n`;
  const whole = (turn: number, digits: string) => `{"a":{"b":null},"big":${digits},"i":null,"list":[null],"turn":${turn}}`;
  const withoutNulls = (turn: number, digits: string) => `{"a":{},"big":${digits},"list":[null],"turn":${turn}}`;

  /** By the flags of kubectl; "weir": by `weir apply`. First it is created, then it is applied over that with other digits. */
  const WAYS: Readonly<Record<string, readonly [created: string, changed: string]>> = {
    apply: [withoutNulls(1, "9007199254740993"), withoutNulls(2, "9007199254740996")],
    "apply --server-side": [whole(1, "9007199254740993"), whole(2, "9007199254740995")],
    weir: [whole(1, "9007199254740993"), whole(2, "9007199254740995")],
  };

  for (const [way, kept] of Object.entries(WAYS)) {
    test(`${way}: docs/manifests.md says what is kept`, async (t) => {
      const name = way.replaceAll(/[^a-z]+/g, "-");
      const folder = await createTempFolder("way");
      t.after(folder.remove);
      t.after(() => kubectl(["delete", "wf", name], cluster));
      for (const turn of [1, 2] as const) {
        const file = join(folder.path, "f.yaml");
        await writeFile(file, text(name, turn));
        if (way === "weir") await weir(["apply", "-f", file, "--kubeconfig", cluster.kubeconfig]);
        else await kubectl([...way.split(" "), "-f", file], cluster);
        const raw = await kubectl(["get", "--raw", `/apis/weir.dev/v1alpha1/namespaces/default/wasmfilters/${name}`], cluster);
        const { spec } = parseExactJson(raw) as { spec: { config: unknown } };
        assert.equal(printExactJson(sorted(spec.config)), kept[turn - 1], `turn ${turn}`);
      }
    });
  }
});

/** Every example, every WasmFilter of the pages, and a spec with each field. */
async function examples(): Promise<readonly WasmFilter[]> {
  // Server-side apply sends null as a value, and an API server takes it for none of these fields.
  const isPlain = (spec: object) => Object.values(spec).every((field) => field !== null);
  const empty = { image: "r.example/f:1", rollout: { analysis: {} }, preflight: {}, selector: { matchLabels: {} } };
  const specs = [...GOOD.map(({ spec }) => spec), { image: "r.example/f:1", rollout: {} }, empty].filter(
    isPlain,
  ) as unknown as WasmFilterSpec[];
  const found: WasmFilter[] = specs.map((spec) => ({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "" }, spec }));
  for await (const file of glob(["examples/*.yaml", "docs/**/*.md", "README.md"], { cwd: ROOT })) {
    const text = await readFile(join(ROOT, file), "utf8");
    const texts = file.endsWith(".md") ? [...text.matchAll(/^```yaml.*\n(.*?)^```$/gms)].map(([, block = ""]) => block) : [text];
    for (const manifest of texts.filter((each) => /^kind: WasmFilter$/m.test(each))) {
      const read = readManifest(manifest, "yaml");
      assert.ok(read.ok, `${file}: ${read.ok ? "" : read.error.message}`);
      found.push(...read.value.objects.filter(({ kind }) => kind === "WasmFilter").map(({ fields }) => fields as unknown as WasmFilter));
    }
  }
  return found.map((filter, index) => ({ ...filter, metadata: { ...filter.metadata, name: nameOf(index), namespace: "default" } }));
}

describe("no drift", () => {
  const ways = {
    client: ["apply"],
    server: ["apply", "--server-side"],
    flux: ["apply", "--server-side", "--field-manager=kustomize-controller"],
  };

  /** What the operator does first. */
  async function see(name: string): Promise<void> {
    const path = `/apis/weir.dev/v1alpha1/namespaces/default/wasmfilters/${name}/status`;
    const body = { status: { observedGeneration: 1 } };
    const done = await accessTo(cluster.kubeconfig).api.request({
      method: "PATCH",
      path,
      contentType: "application/merge-patch+json",
      body,
    });
    assert.ok(done.ok, JSON.stringify(done));
  }

  for (const [first, then] of [
    ["client", "server"],
    ["server", "client"],
    ["client", "flux"],
  ] as const) {
    test(`every example that is applied twice (${first}) is as it was; then (${then}) it is taken over without a conflict`, async (t) => {
      const filters = await examples();
      const input = filters.map((filter) => printYaml(filter)).join("---\n");
      const kube = (args: readonly string[]) => kubectl([...args, "-f", "-"], { ...cluster, input });
      const versions = async () => {
        const { items } = JSON.parse(await kubectl(["get", "wf", "-o", "json"], cluster)) as { items: WasmFilter[] };
        return new Map(items.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
      };
      t.after(() => kubectl(["delete", "wf", "--all"], cluster));
      await kube(ways[first]);
      // The first write to an object whose status is still the CRD's default makes a version, if only of that.
      for (const { metadata } of filters) await see(metadata.name);
      const once = await versions();
      assert.equal(once.size, filters.length);
      assert.doesNotMatch(await kube(ways[first]), /configured|created/);
      assert.equal(await kube(["diff", ...ways[first].slice(1)]), "");
      assert.deepEqual(await versions(), once);
      await kube(ways[then]);
      const taken = await versions();
      for (let turn = 0; turn < 2; turn++) assert.ok(await kube(ways[then]));
      assert.equal(await kube(["diff", ...ways[then].slice(1)]), "");
      assert.deepEqual(await versions(), taken);
      t.diagnostic(`${filters.length} objects`);
    });
  }
});
