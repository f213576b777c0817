import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type BuildOptions, build } from "esbuild";
import { ROOT } from "../tests/files.ts";
import { namedImports, ownPlaces } from "./bundle.ts";

/** The text of a bundle. Rejects with what esbuild says. */
async function bundled(options: BuildOptions): Promise<string> {
  const common = { bundle: true, write: false, format: "esm", platform: "node", logLevel: "silent", absWorkingDir: ROOT } as const;
  const { outputFiles } = await build({ ...common, ...options });
  return outputFiles?.[0]?.text ?? "";
}

test("a file keeps its own place, as JavaScript, and asks for no other", async (t) => {
  const plugins = [ownPlaces("../")];
  const schema = await bundled({ entryPoints: ["operator/parse/schema.ts"], plugins });
  assert.match(
    schema,
    /new URL\(`\.\.\/\.\.\/crds\/\$\{plural\}\.weir\.dev\.yaml`, new URL\("\.\.\/operator\/parse\/schema\.js", import\.meta\.url\)\.href\)/,
  );
  const folder = await mkdtemp(join(tmpdir(), "weir-bundle-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "file.ts"), "console.log(import.meta.dirname)");
  await assert.rejects(bundled({ entryPoints: [join(folder, "file.ts")], plugins }), /import\.meta\.dirname would be the bundle's/);
});

test("a package is not loaded as a whole", async () => {
  const of = (contents: string) => bundled({ stdin: { contents, resolveDir: ROOT }, plugins: [namedImports] });
  await assert.rejects(of('console.log(await import("undici"))'), /undici is loaded as a whole/);
  assert.match(await of('console.log(await import("node:fs"))'), /import\("node:fs"\)/);
});
