import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import { ROOT } from "../tests/files.ts";
import { runOk } from "../tools/run.ts";
import { COMMON, namedImports } from "./bundle.ts";
import { licensesOf } from "./licenses.ts";

/** What of the package is written by hand. */
export const TESTING = fileURLToPath(new URL("../../sdk/testing", import.meta.url));
const ENTRY = "author/typescript";
const TYPES = ["index", "errors", "types"];

/** For the oldest Node that the package says it runs on. */
const OPTIONS = { ...COMMON, target: "node20" } as const;

/** Lets files be left out of which nothing is used: those of Weir define things and do nothing. */
const pureFiles: Plugin = {
  name: "pure-files",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^\.\.?\/.*\.ts$/ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
      if (pluginData === "pure-files") return undefined;
      return { ...(await resolve(path, { importer, resolveDir, kind, pluginData: "pure-files" })), sideEffects: false };
    });
  },
};

/**
 * Makes the npm package `@weir-dev/testing` in `folder`, which is emptied first: the sandbox as one file, CEL as another (which is loaded when a filter asks for it), and
 * types that stand by themselves.
 */
export async function buildTesting(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const results = [
    await build({
      ...OPTIONS,
      entryPoints: [`${ENTRY}/index.ts`],
      outfile: join(folder, "index.js"),
      format: "esm",
      external: ["#cel"],
      plugins: [namedImports, pureFiles],
    }),
    await build({ ...OPTIONS, entryPoints: ["@bufbuild/cel"], outfile: join(folder, "cel.cjs"), format: "cjs" }),
  ];
  await writeFile(join(folder, "THIRD-PARTY-LICENSES"), await licensesOf(results.map(({ metafile }) => metafile)));
  await writeTypes(folder);
  for (const file of ["package.json", "README.md", "LICENSE"]) await cp(join(TESTING, file), join(folder, file));
}

/** The compiler writes the types of all that the entry imports; what the package offers needs three files of them. */
async function writeTypes(folder: string): Promise<void> {
  const all = join(folder, "types");
  const emit = ["--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--outDir", all, "--rootDir", ROOT];
  const config = join(folder, "tsconfig.json");
  const entry = join(ROOT, ENTRY, "index.ts");
  await writeFile(
    config,
    JSON.stringify({
      extends: join(ROOT, "tsconfig.json"),
      compilerOptions: { typeRoots: [join(ROOT, "node_modules/@types")] },
      files: [entry, join(ROOT, "preflight/webassembly.d.ts")],
      include: [],
    }),
  );
  await runOk(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", config, ...emit], { cwd: ROOT });
  for (const name of TYPES) {
    const text = await readFile(join(all, ENTRY, `${name}.d.ts`), "utf8");
    await writeFile(join(folder, `${name}.d.ts`), text.replaceAll(/"(\.\/\w+)\.ts"/g, '"$1.js"'));
  }
  await rm(all, { recursive: true });
  await rm(config);
}

if (import.meta.main) {
  const folder = join(ROOT, "dist/testing");
  await buildTesting(folder);
  console.log(folder);
}
