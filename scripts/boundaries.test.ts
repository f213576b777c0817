import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "./tools/run.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const BIOME = join(ROOT, "node_modules/@biomejs/biome/bin/biome");
const ROOMS = ["model", "base", "operator", "oci", "preflight", "xds", "hub", "cluster", "author", "cli"] as const;

/** What a room's production may import besides Node, its own files and `model/`; the table of docs/architecture.md. */
const PACKAGES: Record<(typeof ROOMS)[number], readonly string[]> = {
  model: [],
  base: [],
  operator: ["@kubernetes/client-node", "yaml", "ajv", "@cfworker/json-schema", "@bufbuild/cel", "semver", "p-limit", "@bufbuild/re2"],
  oci: [
    "tar-stream",
    "lru-cache",
    "p-limit",
    "undici",
    "@noble/ciphers/salsa.js",
    "@noble/curves/abstract/edwards.js",
    "@noble/curves/ed25519.js",
    "@sigstore/bundle",
    "@sigstore/core",
    "@sigstore/protobuf-specs",
    "@sigstore/tuf/seeds.json",
    "@sigstore/verify",
    "@bufbuild/re2",
    "tuf-js",
    "tuf-js/dist/error.js",
  ],
  preflight: ["@bufbuild/cel", "lru-cache", "p-limit"],
  xds: ["@bufbuild/protobuf/wire", "yaml", "lru-cache"],
  hub: ["hono", "@hono/node-server", "markdown-it"],
  cluster: [
    "@bufbuild/protobuf/wire",
    "@grpc/grpc-js",
    "@kubernetes/client-node",
    "@peculiar/asn1-csr",
    "@peculiar/asn1-schema",
    "@peculiar/asn1-x509",
  ],
  author: ["fflate", "undici", "yaml"],
  cli: ["@kubernetes/client-node", "yaml", "pino", "pino-pretty", "prom-client"],
};

/** The rooms that may import the public entry of others, and of which. */
const ENTRIES: Partial<Record<(typeof ROOMS)[number], readonly string[]>> = { author: ["oci", "preflight"], cli: ROOMS };

/** Development dependencies: for a room's tests, and what is in `testing/` for them. */
const TEST_PACKAGES: Partial<Record<(typeof ROOMS)[number] | "every", readonly string[]>> = {
  every: ["fast-check", "wabt"],
  xds: ["@grpc/grpc-js"],
};

/** The linter's rules that make up the boundaries. */
const RULES = ["style/noRestrictedImports", "correctness/noUndeclaredDependencies"] as const;

/** An import in a file of its place in the tree, one line of that file. */
interface Case {
  readonly file: string;
  readonly specifier: string;
  readonly allowed: boolean;
}

test("the linter lets a room import what the table of rooms allows, and nothing else", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "weir-boundaries-"));
  t.after(() => rm(folder, { recursive: true }));
  for (const name of ["biome.json", "package.json", ".gitignore"]) await cp(join(ROOT, name), join(folder, name));
  const cases = [...allCases()];
  const byFile = Map.groupBy(cases, ({ file }) => file);
  for (const [file, imports] of byFile) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), imports.map(({ specifier }, line) => `import { a${line} } from "${specifier}";\n`).join(""));
  }
  const dynamic = "oci/dynamic.ts";
  const forms = `export * from "../xds/index.ts";\nexport const b = await import("../xds/index.ts");\n`;
  await writeFile(join(folder, dynamic), forms);

  const refused = await refusals(folder);
  const isRefused = ({ file }: Case, line: number) => refused.get(file)?.has(line + 1) ?? false;
  const wrong = [...byFile.values()].flatMap((imports) => imports.filter((one, line) => one.allowed === isRefused(one, line)));
  assert.deepEqual(wrong, [], "cases that the linter judges otherwise than the table");
  assert.deepEqual(refused.get(dynamic), new Set([1, 2]), "re-exports and dynamic imports count as imports");
});

function* allCases(): Generator<Case> {
  const packages = new Set(["left-pad", "@scope/package", ...Object.values(PACKAGES).flat(), ...Object.values(TEST_PACKAGES).flat()]);
  for (const room of ROOMS) {
    for (const [below, up] of [
      ["", "../"],
      ["deep/er/", "../../../"],
    ] as const) {
      const make = (specifier: string, allowed: boolean): Case => ({ file: `${room}/${below}case.ts`, specifier, allowed });
      yield make(`${up}model/result.ts`, room !== "base");
      if (room !== "base") yield make(`${up}base/inner.ts`, room !== "model");
      yield make("./beside.ts", true);
      yield make("node:fs", true);
      for (const outside of ["test/support/x.ts", "scripts/x.ts", "bench/x.ts"]) yield make(`${up}${outside}`, false);
      for (const other of ROOMS) {
        if (other === room || other === "model" || other === "base") continue;
        yield make(`${up}${other}/index.ts`, ENTRIES[room]?.includes(other) ?? false);
        yield make(`${up}${other}/inner.ts`, false);
        yield make(`${up}${other}/inner/deep.ts`, false);
      }
      for (const name of packages) yield make(name, PACKAGES[room].includes(name));
    }
    const forTests = [...PACKAGES[room], ...(TEST_PACKAGES.every ?? []), ...(TEST_PACKAGES[room] ?? [])];
    for (const name of packages) {
      for (const file of ["case.test.ts", "testing/case.ts"])
        yield { file: `${room}/${file}`, specifier: name, allowed: forTests.includes(name) };
    }
  }
}

/** The lines with refused imports, by file; the first line is 1. */
async function refusals(folder: string): Promise<Map<string, Set<number>>> {
  const args = ["lint", ...RULES.map((rule) => `--only=${rule}`), "--reporter=json", "--max-diagnostics=none", "."];
  const done = await run(process.execPath, [BIOME, ...args], { cwd: folder });
  const report: { diagnostics: { category: string; location: { path: string; start: { line: number } } }[] } = JSON.parse(done.stdout);
  const lines = new Map<string, Set<number>>();
  for (const { category, location } of report.diagnostics) {
    if (!RULES.some((rule) => category === `lint/${rule}`)) continue;
    const { path, start } = location;
    lines.set(path, (lines.get(path) ?? new Set()).add(start.line));
  }
  return lines;
}

/** What runs tests for a filter's author. */
const RUNS_TESTS = "author/typescript/run-files.ts: node:test";

test("what runs in production imports no room's tests", async () => {
  const wrong: string[] = [];
  for (const room of ROOMS) {
    for (const file of await productionFiles(room)) {
      for (const [, specifier = ""] of (await readFile(join(ROOT, file), "utf8")).matchAll(/(?:from|import\() ?"([^"]+)"/g)) {
        if (/^node:test|\.test\.ts$|\/testing\//.test(specifier)) wrong.push(`${file}: ${specifier}`);
      }
    }
  }
  assert.deepEqual(wrong, [RUNS_TESTS]);
});

test("a command line is read before any other room is loaded: a command imports what it does when it runs", async () => {
  const files = new Set([join(ROOT, "cli/main.ts")]);
  const wrong: string[] = [];
  for (const file of files) {
    for (const [, specifier = ""] of (await readFile(file, "utf8")).matchAll(
      /^(?:import|export) (?!type )(?:[^;"]* from )?"([^"]+)";$/gm,
    )) {
      const path = join(dirname(file), specifier);
      if (specifier.startsWith(".") && /^(cli|base|model)\//.test(relative(ROOT, path))) files.add(path);
      else if (!specifier.startsWith("node:")) wrong.push(`${relative(ROOT, file)}: ${specifier}`);
    }
  }
  assert.ok(files.size > 50);
  assert.deepEqual(wrong, []);
});

async function productionFiles(room: string): Promise<string[]> {
  const files = await readdir(join(ROOT, room), { recursive: true });
  return files
    .filter((file) => file.endsWith(".ts") && !/\.(test|cases)\.ts$|(^|\/)(testing|gen)\//.test(file))
    .map((file) => join(room, file));
}
