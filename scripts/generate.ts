import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { renderReference } from "../cli/args/reference.ts";
import { SECTIONS } from "../cli/commands/index.ts";
import { generateChartCrds } from "./generate-chart-crds.ts";
import { generateCrdTypes } from "./generate-crd-types.ts";
import { generateProtos, replicaMessages } from "./generate-protos.ts";

/** A folder that holds generated code and nothing else. */
interface Generated {
  readonly folder: string;
  write(into: string): Promise<void>;
}

const GENERATED: readonly Generated[] = [
  { folder: "xds/gen", write: (into) => generateProtos(into) },
  { folder: "cluster/gen", write: (into) => generateProtos(into, replicaMessages) },
  { folder: "model/gen", write: writeCrdTypes },
  { folder: "charts/weir-crds/templates", write: async (into) => generateChartCrds(into) },
];

async function writeCrdTypes(into: string): Promise<void> {
  for (const [file, text] of generateCrdTypes()) await writeFile(join(into, file), text);
}

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Every file of generated code that is not what its generator writes now, with what to do. Empty when all is well. */
export async function checkGenerated(): Promise<string[]> {
  const problems = await Promise.all(
    GENERATED.map(async ({ folder, write }) => {
      const fresh = await mkdtemp(join(tmpdir(), "weir-generated-"));
      try {
        await write(fresh);
        return (await differences(fresh, join(ROOT, folder))).map(
          (file) => `${folder}/${file} is not what its generator writes: run \`npm run generate\``,
        );
      } finally {
        await rm(fresh, { recursive: true });
      }
    }),
  );
  return problems.flat();
}

/** Paths below the folders that are in one only, or differ. */
export async function differences(a: string, b: string): Promise<string[]> {
  const [left, right] = await Promise.all([texts(a), texts(b)]);
  const paths = new Set([...left.keys(), ...right.keys()]);
  return [...paths].filter((path) => left.get(path) !== right.get(path)).sort();
}

async function texts(folder: string): Promise<Map<string, string>> {
  const entries = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(paths.map(async (path) => [relative(folder, path), await readFile(path, "utf8")] as const)));
}

if (import.meta.main) {
  if (process.argv.includes("--check")) {
    const problems = await checkGenerated();
    for (const problem of problems) console.error(problem);
    process.exitCode = problems.length === 0 ? 0 : 1;
  } else {
    for (const { folder, write } of GENERATED) await write(join(ROOT, folder));
    // Checked by its own unit test.
    await writeFile(join(ROOT, "docs/cli.md"), renderReference(SECTIONS));
  }
}
