import { copyFile, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { cached, keyOf } from "../../base/cache-folder.ts";
import { needRust } from "../tools/machine.ts";
import { outsideNpm, runOk } from "../tools/run.ts";
import { installZig, ZIG_REQUIREMENT } from "../tools/zig.ts";
import { contentsOf, sourceOf } from "./sources.ts";

/** Paths of `hello` in each language that Zig's compiler builds: it adds `x-hello` to every response. */
export interface Hello {
  /** 1 KB. */
  readonly c: string;
  /** 30 KB, with the standard library. */
  readonly cpp: string;
  /** 2 KB. */
  readonly zig: string;
}

/** A command that keeps state between calls has no `main`; its memory would start at 16 MB without a stack size. */
const C_FLAGS = ["--target=wasm32-wasi", "-mexec-model=reactor", "-Os", "-s", "-Wl,-z,stack-size=65536"];
const BUILDS = {
  c: ["cc", ...C_FLAGS, join(sourceOf("hello-c"), "hello.c"), "-o", "c.wasm"],
  cpp: ["c++", ...C_FLAGS, "-std=c++20", "-fno-exceptions", "-fno-rtti", join(sourceOf("hello-cpp"), "hello.cc"), "-o", "cpp.wasm"],
  zig: [
    ...["build-exe", "-target", "wasm32-freestanding", "-O", "ReleaseSmall", "-fno-entry", "-rdynamic", "-fstrip", "--stack", "65536"],
    ...[join(sourceOf("hello-zig"), "hello.zig"), "-femit-bin=zig.wasm"],
  ],
};

/** Builds them, or finds them in the user's cache. Throws a ToolError, one line, on a machine that has no compiler on PyPI. */
export async function buildHello(): Promise<Hello> {
  const sources = await Promise.all(["hello-c", "hello-cpp", "hello-zig"].map((name) => contentsOf(sourceOf(name))));
  const options = Object.values(BUILDS).map((args) => args.filter((arg) => !arg.startsWith("/")).join(" "));
  const folder = await cached(`hello-zig-${keyOf(...sources.flat(), ...options, ZIG_REQUIREMENT)}`, async (draft) => {
    const zig = await installZig();
    const work = join(draft, "work");
    await mkdir(work);
    const env = { ...outsideNpm(), ZIG_GLOBAL_CACHE_DIR: work, ZIG_LOCAL_CACHE_DIR: work };
    for (const args of Object.values(BUILDS)) await runOk(zig, args, { cwd: draft, env });
    await rm(work, { recursive: true });
  });
  return { c: join(folder, "c.wasm"), cpp: join(folder, "cpp.wasm"), zig: join(folder, "zig.wasm") };
}

/** Path of the same in Rust; 100 KB. Throws a ToolError, one line, on a machine without cargo and rustup. */
export async function buildHelloRust(): Promise<string> {
  const source = sourceOf("hello-rust");
  const toolchain = await needRust();
  const folder = await cached(`hello-rust-${keyOf(...(await contentsOf(source)), toolchain)}`, async (draft) => {
    const target = join(draft, "target");
    const args = ["build", "--quiet", "--locked", "--release", "--target", "wasm32-wasip1", "--target-dir", target];
    await runOk("cargo", args, { cwd: source, env: outsideNpm() });
    await copyFile(join(target, "wasm32-wasip1/release/hello.wasm"), join(draft, "hello.wasm"));
    await rm(target, { recursive: true });
  });
  return join(folder, "hello.wasm");
}
