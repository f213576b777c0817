import { outsideNpm, run, ToolError } from "./run.ts";

/** A program that the machine must have. */
interface Requirement {
  readonly command: string;
  readonly versionArgs: readonly string[];
  /** First group: the version. */
  readonly version: RegExp;
  readonly atLeast: string;
  readonly install: string;
}

const GO: Requirement = {
  command: "go",
  versionArgs: ["version"],
  version: /go(\d+\.\d+(?:\.\d+)?)/,
  atLeast: "1.26",
  install: "install Go 1.26 or newer from https://go.dev/dl and put it on the PATH",
};

const PYTHON: Requirement = {
  command: "python3",
  versionArgs: ["--version"],
  version: /Python (\d+\.\d+(?:\.\d+)?)/,
  atLeast: "3.8",
  install: "install Python 3.8 or newer with pip (Debian: python3 python3-pip)",
};

const CARGO: Requirement = {
  command: "cargo",
  versionArgs: ["--version"],
  version: /cargo (\d+\.\d+\.\d+)/,
  atLeast: "1.78",
  install: "install Rust 1.78 or newer with rustup (https://rustup.rs)",
};

const NPM: Requirement = {
  command: "npm",
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
  const added = await run("rustup", ["target", "add", "wasm32-wasip1"]).catch(() => undefined);
  if (added?.code !== 0) throw new ToolError(`rustup cannot add the target wasm32-wasip1: ${CARGO.install}`);
  return version;
}

/** Throws a ToolError, one line, when there is no `python3` with pip; it ends with what else to do. */
export async function needPip(otherwise: string): Promise<void> {
  await need(PYTHON);
  const pip = await run("python3", ["-m", "pip", "--version"]);
  if (pip.code !== 0) throw new ToolError(`pip for python3 is missing: install it (Debian: python3-pip), or else: ${otherwise}`);
}

async function need(wanted: Requirement, cwd: string = process.cwd()): Promise<string> {
  const done = await run(wanted.command, wanted.versionArgs, { cwd, env: outsideNpm() }).catch(() => undefined);
  if (done === undefined) throw new ToolError(`${wanted.command} is missing: ${wanted.install}`);
  const found = wanted.version.exec(`${done.stdout}${done.stderr}`)?.[1];
  if (found === undefined) throw new ToolError(`${wanted.command} does not tell its version: ${wanted.install}`);
  if (isOlder(found, wanted.atLeast)) throw new ToolError(`${wanted.command} ${found} is too old: ${wanted.install}`);
  return found;
}

/** Compares the `major.minor` of two versions by number. */
export function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [thanMajor = 0, thanMinor = 0] = than.split(".").map(Number);
  return major !== thanMajor ? major < thanMajor : minor < thanMinor;
}
