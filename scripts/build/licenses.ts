import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Metafile } from "esbuild";
import { ROOT } from "../tests/files.ts";

const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const LICENSE = /^(licen[cs]e|notice|copying)/i;

/** One text with the licenses of all packages that went into the bundles. Throws for a package that names no license. */
export async function licensesOf(metafiles: readonly Metafile[]): Promise<string> {
  const inputs = metafiles.flatMap(({ inputs }) => Object.keys(inputs));
  const folders = new Set(inputs.flatMap((path) => PACKAGE.exec(path)?.[1] ?? []));
  const texts = await Promise.all([...folders].sort().map(licenseOf));
  return `This package holds code of the projects below, under their licenses. The text of Apache-2.0 is in LICENSE.\n${texts.join("")}`;
}

async function licenseOf(folder: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(ROOT, folder, "package.json"), "utf8")) as Record<string, unknown>;
  const { name, version, license } = manifest;
  if (typeof license !== "string") throw new Error(`${folder}/package.json names no license; look it up before the package is shipped`);
  const files = (await readdir(join(ROOT, folder))).filter((file) => LICENSE.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(ROOT, folder, file), "utf8")));
  return `\n${"-".repeat(80)}\n${name} ${version} (${license})\n\n${texts.map((text) => text.trim()).join("\n\n")}\n`;
}
