import { basename } from "node:path";
import { fail, ok, type Result } from "../../model/result.ts";

/** What is a name everywhere: of a WasmFilter, an image's repository, an npm package, a crate and a Go module. */
const NAME = /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** Crates of these names cannot be built, and packages of these not be installed. */
const TAKEN = ["test", "core", "std", "alloc", "proxy-wasm", "node-modules", "build", "deps", "examples", "incremental"];
const RULE = "a name begins with a letter and has up to 63 of a-z, 0-9 and -";

/** A name that a person gave. */
export function checkName(name: string): Result<string> {
  if (!NAME.test(name)) return fail("BadName", `--name "${name}" cannot be the name of a filter; ${RULE}`);
  return TAKEN.includes(name) ? fail("BadName", `--name ${name} is taken by the tools of a language; choose another`) : ok(name);
}

/** The name of a project in this folder: the folder's own, made fit. Fails when nothing is left of it. */
export function nameOf(folder: string): Result<string> {
  const own = basename(folder);
  const fit = own
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 63)
    .replace(/-+$/, "");
  if (!NAME.test(fit)) return fail("BadName", `"${own}" makes no name of a filter; give one with --name: ${RULE}`);
  return TAKEN.includes(fit) ? fail("BadName", `the name ${fit} is taken by the tools of a language; give another with --name`) : ok(fit);
}
