import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { SDK } from "../build/npm-package.ts";

const ASSEMBLY = join(SDK, "assembly");
/** Filters that `test/sdk-assemblyscript.test.ts` runs in the sandbox and in Envoy. */
const TESTING = join(SDK, "testing");

/** What a module exports by name, and the file that says what it is. */
async function exportsOf(index: string): Promise<{ readonly name: string; readonly file: string }[]> {
  const text = await readFile(index, "utf8");
  return [...text.matchAll(/^export \{([^}]+)\} from "([^"]+)";/gm)].flatMap(([, names = "", from = ""]) =>
    names.split(",").flatMap((name) => (name.trim() === "" ? [] : [{ name: name.trim(), file: join(dirname(index), `${from}.ts`) }])),
  );
}

/** The text of a declaration, to its end in the first column. */
function declarationOf(name: string, text: string): string | undefined {
  const head = `^(?:@unmanaged\\n)?export (?:abstract )?`;
  return (
    new RegExp(`${head}(?:class|namespace|enum|function) ${name}\\b[^]*?^\\}$`, "m").exec(text)?.[0] ??
    new RegExp(`${head}type ${name}\\b.*;$`, "m").exec(text)?.[0]
  );
}

/** The names of what authors can call or read of a class or a namespace. */
function membersOf(declaration: string): string[] {
  if (/^(?:@unmanaged\n)?export (?:abstract )?class/.test(declaration)) {
    const members = [...declaration.matchAll(/^ {2}(?:static |readonly |abstract |get )*(\w+)[(:=! ]/gm)].map(([, name = ""]) => name);
    const parameters = [...declaration.matchAll(/^ {4}(?:public|readonly) (?:readonly )?(\w+)/gm)].map(([, name = ""]) => name);
    return [...members, ...parameters].filter((name) => !["constructor", "private", "protected"].includes(name));
  }
  return [...declaration.matchAll(/^ {2}export function (\w+)/gm)].map(([, name = ""]) => name);
}

/** Not offered to authors, though a class must say it in the open. */
const INSIDE = new Set(["Headers.of", "Body.of"]);

test("all that the AssemblyScript package offers is used by a filter that runs in the sandbox and in Envoy", async () => {
  const files = await readdir(TESTING);
  const used = (await Promise.all(files.map((file) => readFile(join(TESTING, file), "utf8")))).join("\n").replace(/^import [^;]+;/gm, "");
  const missing: string[] = [];
  const offered = await exportsOf(join(ASSEMBLY, "index.ts"));
  for (const { name, file } of offered) {
    const { declaration } = await homeOf(name, file);
    if (!new RegExp(`\\b${name}\\b`).test(used)) missing.push(name);
    for (const member of membersOf(declaration))
      if (!INSIDE.has(`${name}.${member}`) && !new RegExp(`\\b${member}\\b`).test(used)) missing.push(`${name}.${member}`);
  }
  assert.ok(offered.length > 30);
  assert.deepEqual(missing, []);
});

/** Where a name is declared: in this file, or in one that it passes it on from. */
async function homeOf(name: string, file: string): Promise<{ readonly text: string; readonly declaration: string }> {
  const text = await readFile(file, "utf8");
  const declaration = declarationOf(name, text);
  if (declaration !== undefined) return { text, declaration };
  const from = (await exportsOf(file)).find((one) => one.name === name)?.file;
  assert.ok(from !== undefined, `${name} in ${file}`);
  return homeOf(name, from);
}

/** The comment that ends right before this line. */
function commentBefore(lines: readonly string[], at: number): string {
  let end = at - 1;
  while (/^\s*(\/\/ @ts-ignore|@unmanaged)/.test(lines[end] ?? "")) end--;
  if (!lines[end]?.trim().endsWith("*/")) return "";
  let start = end;
  while (start > 0 && !lines[start]?.trim().startsWith("/**")) start--;
  return lines.slice(start, end + 1).join("\n");
}

test("what authors can use says what it is, with the clause that says more", async () => {
  const silent: string[] = [];
  for (const { name, file } of await exportsOf(join(ASSEMBLY, "index.ts"))) {
    const lines = (await homeOf(name, file)).text.split("\n");
    const at = lines.findIndex((line) => new RegExp(`^export (?:abstract )?(?:class|namespace|enum|function|type) ${name}\\b`).test(line));
    if (!commentBefore(lines, at).includes("https://")) silent.push(name);
    const isFunction = lines[at]?.startsWith("export function") === true;
    const end = isFunction ? at : lines.findIndex((line, index) => index > at && line === "}");
    for (let index = at + 1; index < end; index++) {
      const [, member] = /^ {2}(?:static |abstract |get |export function )*(\w+)\(.*[{;]$/.exec(lines[index] ?? "") ?? [];
      if (member !== undefined && member !== "constructor" && commentBefore(lines, index) === "") silent.push(`${name}.${member}`);
    }
  }
  assert.deepEqual(silent, []);
});

test("each function of the ABI stands in the comment of what uses it", async () => {
  const files = (await readdir(ASSEMBLY, { recursive: true })).filter((file) => file.endsWith(".ts") && !file.endsWith("imports.ts"));
  const texts = await Promise.all(files.map((file) => readFile(join(ASSEMBLY, file), "utf8")));
  const comments = texts.flatMap((text) => text.match(/\/\*\*[\s\S]*?\*\//g) ?? []).join("\n");
  const functions = ["abi/imports.ts", "exports.ts"].map((file) => readFile(join(ASSEMBLY, file), "utf8"));
  const names = (await Promise.all(functions)).flatMap((text) =>
    [...text.matchAll(/^export (?:declare )?function (proxy_\w+)/gm)].map(([, name = ""]) => name),
  );
  assert.ok(names.length > 50);
  assert.deepEqual(
    names.filter((name) => !new RegExp(`\\b${name}\\b`).test(comments) && !/proxy_(abi_version|on_memory_allocate)/.test(name)),
    [],
  );
});
