import type { Requirement } from "./version.ts";

/** c-shared for wasip1, which filters are built with, came with this version: https://go.dev/doc/go1.24#wasm */
export const GO: Requirement = {
  program: "go",
  versionArgs: ["version"],
  version: /go(\d+\.\d+(?:\.\d+)?)/,
  atLeast: "1.24",
  install: "install Go 1.24 or newer from https://go.dev/dl and put it on the PATH",
};

/** The target wasm32-wasip1 has its name since this version. */
export const CARGO: Requirement = {
  program: "cargo",
  versionArgs: ["--version"],
  version: /cargo (\d+\.\d+\.\d+)/,
  atLeast: "1.78",
  install: "install Rust 1.78 or newer with rustup (https://rustup.rs)",
};

export const RUST_TARGET = "wasm32-wasip1";

export const ZIG: Requirement = {
  program: "zig",
  versionArgs: ["version"],
  version: /^(\d+\.\d+\.\d+)/m,
  atLeast: "0.14",
  install: "install Zig 0.14 or newer: python3 -m pip install ziglang, or https://ziglang.org/download and put it on the PATH",
};

/** The package of AssemblyScript, which is looked for in `node_modules`. */
export const ASSEMBLYSCRIPT = {
  atLeast: "0.28",
  install: "run npm install in the project, or npm install --save-dev assemblyscript",
};
