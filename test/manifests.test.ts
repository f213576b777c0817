import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isRecord } from "../base/json.ts";
import { parseExactJson, printExactJson } from "../model/exact-json.ts";
import { readManifest } from "../operator/index.ts";
import { installGoTool } from "../scripts/tools/go.ts";
import { run } from "../scripts/tools/run.ts";
import { type Cluster, kubectl, startCluster } from "./support/cluster.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { STRICTER, withValue, YAML_TEXTS } from "./support/yaml-texts.ts";
import { YAML_VALUES } from "./support/yaml-values.ts";

let cluster: Cluster;

before(async () => {
  cluster = await startCluster();
  await kubectl(["apply", "-f", "crds/"], cluster);
  await kubectl(["wait", "--for=condition=Established", "crd/wasmfilters.weir.dev", "--timeout=30s"], cluster);
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
