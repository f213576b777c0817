import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Language } from "../project/language.ts";
import type { Project } from "../project/project.ts";
import { findToolchain } from "./find.ts";
import { isOlder } from "./version.ts";

/** A machine with these programs and no other, by what they print; and a project on it with these files. */
async function createMachine(t: TestContext, programs: Readonly<Record<string, string>>, files: Readonly<Record<string, string>> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "weir-toolchain-"));
  t.after(() => rm(folder, { recursive: true }));
  const write = async (path: string, text: string) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };
  await mkdir(join(folder, "bin"));
  for (const [name, script] of Object.entries(programs)) {
    const path = join(folder, "bin", name);
    await write(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
  }
  for (const [path, text] of Object.entries(files)) await write(join(folder, path), text);
  const find = (language: Language) =>
    findToolchain({ folder, name: "f", language } as Project, { env: { PATH: join(folder, "bin"), HOME: folder } });
  return { folder, find };
}

async function refusal(found: ReturnType<typeof findToolchain>): Promise<string> {
  const result = await found;
  assert.ok(!result.ok);
  return result.error.message;
}

test("a machine without a compiler is told what to install, in each language", async (t) => {
  const { find } = await createMachine(t, {});
  const cases: Readonly<Record<Language, RegExp>> = {
    go: /^f is written in Go: go is missing; install Go 1\.24 or newer from https:\/\/go\.dev\/dl/,
    rust: /^f is written in Rust: cargo is missing; install Rust 1\.78 or newer with rustup/,
    zig: /^f is written in Zig: zig is missing; install Zig 0\.14 or newer: python3 -m pip install ziglang/,
    c: /^f is written in C: no compiler of C for WebAssembly was found; install Zig .* or install Clang 16 or newer .*\(Debian: clang-16 lld-16 wasi-libc libclang-rt-16-dev-wasm32\)$/,
    cpp: /^f is written in C\+\+: no compiler of C\+\+ for WebAssembly.*libc\+\+-16-dev-wasm32/,
    assemblyscript: /^f is written in AssemblyScript: the project has no AssemblyScript compiler in node_modules; run npm install/,
  };
  for (const [language, message] of Object.entries(cases)) assert.match(await refusal(find(language as Language)), message);
});

test("a compiler that is too old is told with its version", async (t) => {
  const { find } = await createMachine(
    t,
    { go: "echo go version go1.23.4 linux/amd64", cargo: "echo 'cargo 1.63.0 (fd9c4297c 2022-07-01)'", zig: "echo 0.13.0" },
    { "node_modules/assemblyscript/package.json": '{"version": "0.14.9"}' },
  );
  assert.match(await refusal(find("go")), /: go 1\.23\.4 is too old; install Go 1\.24/);
  assert.match(await refusal(find("rust")), /: cargo 1\.63\.0 is too old; install Rust 1\.78/);
  assert.match(await refusal(find("zig")), /: zig 0\.13\.0 is too old; install Zig 0\.14/);
  assert.match(await refusal(find("c")), /: zig 0\.13\.0 is too old; install Zig 0\.14/);
  assert.match(await refusal(find("assemblyscript")), /: AssemblyScript 0\.14\.9 is too old; npm install --save-dev assemblyscript@0\.28/);
});

test("a package that is damaged is told", async (t) => {
  for (const text of ["{", "null", '{"version": 1}']) {
    const { find } = await createMachine(t, {}, { "node_modules/assemblyscript/package.json": text });
    assert.match(await refusal(find("assemblyscript")), /package\.json does not tell the compiler's version; run npm install/);
  }
});

test("Rust without the target of filters is told how to add it", async (t) => {
  const { find } = await createMachine(t, { cargo: "echo cargo 1.90.0", rustc: "echo /sysroot; echo /sysroot/nothing-there" });
  assert.match(await refusal(find("rust")), /Rust cannot build for wasm32-wasip1 yet; add it with rustup target add wasm32-wasip1$/);
});

test("a program that says nothing sensible is not taken for a compiler", async (t) => {
  const { find } = await createMachine(t, { go: "echo hello", zig: "exit 7" });
  assert.match(await refusal(find("go")), /go does not tell its version; install Go/);
  assert.match(await refusal(find("zig")), /zig does not tell its version/);
});

test("zig comes from the PATH, or from pip", async (t) => {
  const onPath = await createMachine(t, { zig: "echo 0.17.1" });
  const found = await onPath.find("c");
  assert.equal(found.ok && found.value.title, "Zig 0.17.1, C");
  const pip = await createMachine(t, { python3: 'echo "$HOME/pip/zig"', ziglang: "echo 0.16.0" });
  await mkdir(join(pip.folder, "pip"));
  await writeFile(join(pip.folder, "pip/zig"), "#!/bin/sh\necho 0.16.0\n", { mode: 0o755 });
  const second = await pip.find("zig");
  assert.equal(second.ok && second.value.title, "Zig 0.16.0");
});

test("a Clang counts when it has a library for WASI", async (t) => {
  const clang = (links: string) => `case "$*" in *--version*) echo clang version 22.1.0;; *) ${links};; esac`;
  const without = await createMachine(t, { clang: clang("exit 1") });
  assert.match(await refusal(without.find("c")), /no compiler of C for WebAssembly was found/);
  const debian = await createMachine(t, { clang: clang("exit 1"), "clang-22": clang("exit 0") });
  const found = await debian.find("c");
  assert.equal(found.ok && found.value.title, "Clang 22.1.0");
});

test("versions compare by number", () => {
  assert.deepEqual(
    [isOlder("1.9.3", "1.24"), isOlder("1.24.0", "1.24"), isOlder("2.0", "1.24"), isOlder("0.28.20", "0.28"), isOlder("0.9", "0.28")],
    [true, false, false, false, true],
  );
});
