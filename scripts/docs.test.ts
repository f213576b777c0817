import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { describe, test } from "node:test";
import { parseAllDocuments } from "yaml";
import { isThere } from "../base/is-there.ts";
import { ROOT } from "./tests/files.ts";

/** Pages for people. The changelog and superseded decisions speak of what was: a file that they name may be gone. */
const PAGES = ["*.md", "{docs,bench,examples,test,crds}/**/*.md", ".github/**/*.md"];

interface Citation {
  readonly file: string;
  readonly name: string;
}

/** Citations are written as `file.test.ts`: *name*, *name*. A name may end where a template's placeholder begins. */
function citations(text: string): readonly Citation[] {
  return [...text.matchAll(/`([\w./-]+\.test\.ts)`: (\*[^*]+\*(?:, \*[^*]+\*)*)/g)].flatMap(([, file = "", names = ""]) =>
    [...names.matchAll(/\*([^*]+)\*/g)].map(([, name = ""]) => ({ file, name })),
  );
}

/** True when the source holds a test with this name, whole or up to a placeholder. */
function hasTest(source: string, name: string): boolean {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`\\b(?:test|rule)\\(\\s*["\`](?:\\$\\{\\w+\\} )?${escaped}(?:["\`]| \\(?\\$\\{)`).test(source);
}

const read = (file: string) => readFile(join(ROOT, file), "utf8");
const exists = (file: string) => isThere(join(ROOT, file));

async function pages(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for await (const file of glob(PAGES, { cwd: ROOT, exclude: ["**/node_modules", "CHANGELOG.md"] })) {
    const text = await read(file);
    if (!text.includes("\nStatus: Superseded")) found.set(file, text);
  }
  return found;
}

/** Targets of links within the project, as paths below its folder. */
function links(page: string, text: string): string[] {
  return [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => normalize(join(dirname(page), target)));
}

/** What stands in code spans and begins with a folder of the project: a path, or a pattern such as `crds/*.yaml`. */
function paths(text: string, folders: ReadonlySet<string>): string[] {
  return [...text.matchAll(/`([\w.-]+(?:\/[\w.*{},-]+)*\/?)`/g)]
    .map(([, path = ""]) => path)
    .filter((path) => path.includes("/") && folders.has(path.split("/")[0] ?? ""));
}

async function matchesFile(pattern: string): Promise<boolean> {
  for await (const _ of glob(pattern, { cwd: ROOT })) return true;
  return false;
}

test("docs/rbac.yaml grants what the chart grants for a server alone, no more and no less", async () => {
  interface Role {
    readonly kind: string;
    readonly rules: readonly Readonly<Record<"apiGroups" | "resources" | "verbs", readonly string[]>>[];
  }
  const rightsOf = (text: string) =>
    parseAllDocuments(text)
      .map((document) => document.toJS() as Role | null)
      .filter((object) => object?.kind === "ClusterRole")
      .flatMap((role) => role?.rules ?? [])
      .flatMap(({ apiGroups, resources, verbs }) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}.${apiGroups[0]}`)),
      )
      .sort();
  const granted = rightsOf(await read("docs/rbac.yaml"));
  assert.ok(granted.includes("create subjectaccessreviews.authorization.k8s.io"));
  // Neither injection nor certificates for pods.
  assert.deepEqual(granted, rightsOf(await read("test/fixtures/charts/narrow/rendered.yaml")));
});

describe("docs/consistency.md", () => {
  test("every test that docs/consistency.md names exists, and every promise has one", async () => {
    const text = await read("docs/consistency.md");
    const cited = citations(text);
    const files = text.match(/`[\w./-]+\.test\.ts`/g) ?? [];
    assert.equal(new Set(files).size, new Set(cited.map(({ file }) => file)).size, "a file is named without a test");
    for (const { file, name } of cited) assert.ok(hasTest(await read(file), name), `${file} has no test "${name}"`);
    const promises = text.slice(0, text.indexOf("## Across replicas")).split(/^\*\*/m).slice(1);
    assert.ok(promises.length >= 10);
    for (const promise of promises) assert.notEqual(citations(promise).length, 0, `no test for: ${promise.split("**")[0]}`);
  });

  test("a name that no test has is found out", () => {
    const source = `test("one thing", run);\n  test(\`\${N} proxies follow \${M} changes\`, run);\nrule("a rule of it", ways, run);`;
    for (const name of ["one thing", "proxies follow", "a rule of it"]) assert.ok(hasTest(source, name), name);
    for (const name of ["one", "thing", "a rule", "proxies"]) assert.ok(!hasTest(source, name), name);
  });
});

test("docs/status.md lists every Event of a rollout that the operator tells, and no other", async () => {
  const [, section = ""] = (await read("docs/status.md")).split("## Events\n");
  const rows = section.slice(0, section.indexOf("\n## ")).matchAll(/^\| (`[^|]+) \| (?:Normal|Warning) \|/gm);
  const listed = [...rows].flatMap(([, names = ""]) => [...names.matchAll(/\w+/g)].map(([name]) => name));
  const told = new Set<string>();
  for await (const file of glob("operator/{rollout,reconcile,status}/*.ts", { cwd: ROOT, exclude: ["**/*.test.ts"] })) {
    const source = await read(file);
    // As one is written, and as status/news.ts lists its own.
    for (const [, name = ""] of source.matchAll(/(?:type: "(?:Normal|Warning)"|condition: "\w+"),\s*reason: "(\w+)"/g)) told.add(name);
    for (const [, name = "", other = ""] of source.matchAll(/const result = \w+ \? "(\w+)" : "(\w+)"/g)) told.add(name).add(other);
  }
  assert.deepEqual(listed.sort(), [...told].sort());
});

describe("what pages name", () => {
  test("links lead to files that exist", async () => {
    const broken: string[] = [];
    for (const [page, text] of await pages()) {
      for (const target of links(page, text)) if (!(await exists(target))) broken.push(`${page}: ${target}`);
    }
    assert.deepEqual(broken, []);
  });

  test("files and folders exist", async () => {
    const folders = new Set<string>();
    for await (const entry of glob("{*,.github,.ci}/", { cwd: ROOT })) folders.add(entry.replace(/\/$/, ""));
    folders.delete("dist"); // what `npm run build` and `npm run image` made here, or did not
    const gone: string[] = [];
    for (const [page, text] of await pages()) {
      for (const path of paths(text, folders))
        if (!(await matchesFile(path)) && !(await matchesFile(join(dirname(page), path)))) gone.push(`${page}: ${path}`);
    }
    assert.deepEqual(gone, []);
    assert.deepEqual(paths("`xds/a.ts`, `crds/*.yaml`, `registry.example/b`, `xds`, `spec.image`", new Set(["xds", "crds"])), [
      "xds/a.ts",
      "crds/*.yaml",
    ]);
  });

  test("npm scripts exist", async () => {
    const known = new Set<string>();
    for await (const file of glob("{.,examples/filters/*}/package.json", { cwd: ROOT })) {
      for (const name of Object.keys(JSON.parse(await read(file)).scripts)) known.add(name);
    }
    for (const [page, text] of await pages()) {
      for (const [, name = ""] of text.matchAll(/npm run ([\w:-]+)/g)) assert.ok(known.has(name), `${page}: npm run ${name}`);
    }
  });
});

describe("decisions", () => {
  test("each has a number, a title, a status and a date, and stands in the index", async () => {
    const index = await read("docs/decisions/README.md");
    for await (const file of glob("docs/decisions/[0-9]*.md", { cwd: ROOT })) {
      const [, number = "", title = ""] =
        /^# (\d{4})\. (.+)\n\nStatus: (?:Accepted|Accepted; amended by .+|Superseded by .+)\nDate: \d{4}-\d\d-\d\d\n/.exec(
          await read(file),
        ) ?? [];
      const name = file.slice("docs/decisions/".length);
      assert.ok(title !== "" && name.startsWith(`${number}-`), `${file} does not begin as docs/decisions/README.md says`);
      assert.ok(
        index.includes(`| [${number}](${name}) | ${title} |`),
        `docs/decisions/README.md lacks: | [${number}](${name}) | ${title} |`,
      );
    }
  });
});

describe(".github", () => {
  test("dependabot looks at every folder that pins something", async () => {
    const config = await read(".github/dependabot.yml");
    for await (const file of glob("**/{go.mod,package.json}", { cwd: ROOT, exclude: ["**/node_modules", ".weir", "dist"] })) {
      assert.ok(config.includes(`"/${dirname(file) === "." ? "" : dirname(file)}"`), `.github/dependabot.yml lacks ${file}`);
    }
    for await (const file of glob("**/Cargo.toml", { cwd: ROOT, exclude: ["**/node_modules", ".weir", "dist"] })) {
      const places = [`"/${dirname(file)}"`, `"/${dirname(dirname(file))}/*"`];
      assert.ok(
        places.some((place) => config.includes(place)),
        `.github/dependabot.yml lacks ${file}`,
      );
    }
  });
});
