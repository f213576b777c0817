import { CARGO, GO as FILTERS_GO, RUST_TARGET } from "../../author/toolchain/requirements.ts";
import { need as needProgram, type Requirement } from "../../author/toolchain/version.ts";
import { outsideNpm, run, ToolError } from "./run.ts";

export { isOlder } from "../../author/toolchain/version.ts";

/** The parts that the tests run against are built from modules that ask for a newer Go than filters do. */
const GO: Requirement = {
  ...FILTERS_GO,
  atLeast: "1.26",
  install: "install Go 1.26 or newer from https://go.dev/dl and put it on the PATH",
};

const PYTHON: Requirement = {
  program: "python3",
  versionArgs: ["--version"],
  version: /Python (\d+\.\d+(?:\.\d+)?)/,
  atLeast: "3.8",
  install: "install Python 3.8 or newer with pip (Debian: python3 python3-pip)",
};

const NPM: Requirement = {
  program: "npm",
  versionArgs: ["--version"],
  version: /^(\d+\.\d+)/m,
  atLeast: "9.0",
  install: "install npm 9 or newer (it comes with Node, https://nodejs.org) and put it on the PATH",
};

/** Throws a ToolError, one line, when there is no `npm`. */
export async function needNpm(): Promise<void> {
  await need(NPM);
}

/**
 * Throws a ToolError, one line, when there is no `go` that can build the module in `folder` (a newer toolchain that Go fetches by itself counts).
 * Gives its version, `1.26.8`.
 */
export async function needGo(folder: string): Promise<string> {
  return need(GO, folder);
}

/**
 * Throws a ToolError, one line, when there is no `cargo`, or no `rustup` that can add the target of WebAssembly filters.
 * Gives cargo's version, `1.95.0`.
 */
export async function needRust(): Promise<string> {
  const version = await need(CARGO);
  const added = await run("rustup", ["target", "add", RUST_TARGET]).catch(() => undefined);
  if (added?.code !== 0) throw new ToolError(`rustup cannot add the target ${RUST_TARGET}: ${CARGO.install}`);
  return version;
}

/** Throws a ToolError, one line, when there is no `python3` with pip; it ends with what else to do. */
export async function needPip(otherwise: string): Promise<void> {
  await need(PYTHON);
  const pip = await run("python3", ["-m", "pip", "--version"]);
  if (pip.code !== 0) throw new ToolError(`pip for python3 is missing: install it (Debian: python3-pip), or else: ${otherwise}`);
}

async function need(wanted: Requirement, folder: string = process.cwd()): Promise<string> {
  const found = await needProgram(wanted, folder, { env: outsideNpm() });
  if (!found.ok) throw new ToolError(found.error.message);
  return found.value;
}
