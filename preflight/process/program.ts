import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { dirname, join } from "node:path";
import { encodeHead } from "./frame.ts";

/** `.ts` in a checkout, `.js` in a package, as this file. */
const ENTRY = new URL(import.meta.url.endsWith(".js") ? "./child.js" : "./child.ts", import.meta.url);
const IMPORT = /^(?:import|export)\b[^;]*?\bfrom "(\.[^"]+)";/gm;
const TYPES_ONLY = /^(?:import|export) type\b/;

/** Packages that a prover loads when it needs them: the file of each, by the name that it is asked for. */
export const PACKAGES = { "#cel": createRequire(import.meta.url).resolve("#cel") };

/** The files that a prover loads, by URL, as they are on disk. */
function collect(): Map<string, string> {
  const files = new Map<string, string>();
  const visit = (url: URL): void => {
    if (files.has(url.href)) return;
    const text = readFileSync(url, "utf8");
    files.set(url.href, text);
    for (const [statement, specifier = ""] of text.matchAll(IMPORT)) if (!TYPES_ONLY.test(statement)) visit(new URL(specifier, url));
  };
  visit(ENTRY);
  return files;
}

/** JSON of all the files without their types, as boot.js reads it. */
function strip(files: ReadonlyMap<string, string>): Buffer {
  const plain = [...files].map(([url, text]) => [url, url.endsWith(".js") ? text : stripTypeScriptTypes(text)] as const);
  return Buffer.from(JSON.stringify({ entry: ENTRY.href, files: Object.fromEntries(plain), packages: PACKAGES }));
}

/**
 * The program of a prover, as a frame. Removing the types takes 90 ms of CPU, so the text is kept beside Node's own cache of compiled code
 * (`NODE_COMPILE_CACHE`, see bin/weir), under the hash of what it was made from.
 */
function makeProgram(): Buffer {
  const files = collect();
  const body = kept(files) ?? strip(files);
  return Buffer.concat([encodeHead({ program: true }, body.length), body]);
}

/** Programs that are kept beside the newest: of other checkouts and versions. */
const MAX_KEPT = 5;

function kept(files: ReadonlyMap<string, string>): Buffer | undefined {
  const code = process.env.NODE_COMPILE_CACHE;
  if (code === undefined || code === "") return undefined;
  const hash = createHash("sha256")
    .update(JSON.stringify([process.version, PACKAGES, ...files]))
    .digest("hex");
  const path = join(dirname(code), `prover-${hash.slice(0, 32)}.json`);
  try {
    const found = readFileSync(path);
    markUsed(path);
    return found;
  } catch {
    const body = strip(files);
    const unfinished = `${path}.${process.pid}`;
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(unfinished, body, { mode: 0o600 });
      renameSync(unfinished, path);
      prune(dirname(path));
    } catch {
      // A folder that cannot be written costs time, nothing else.
    }
    return body;
  }
}

function markUsed(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // It may be removed early then, and is made anew.
  }
}

/** Removes what was not used for longest, unfinished files of processes that ended among it. */
function prune(folder: string): void {
  const programs = readdirSync(folder).filter((name) => /^prover-[0-9a-f]{32}\.json(\.\d+)?$/.test(name));
  const byUse = programs
    .map((name) => ({ path: join(folder, name), at: statSync(join(folder, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { path } of byUse.slice(1 + MAX_KEPT)) unlinkSync(path);
}

let program: Buffer | undefined;

/** Made once a process, when the first prover starts. */
export function proverProgram(): Buffer {
  program ??= makeProgram();
  return program;
}
