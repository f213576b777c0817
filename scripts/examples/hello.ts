import { join } from "node:path";
import { buildProject, readProject } from "../../author/index.ts";
import { cached, keyOf } from "../../base/cache-folder.ts";
import { needRust } from "../tools/machine.ts";
import { outsideNpm, ToolError } from "../tools/run.ts";
import { toolchainEnv, ZIG_REQUIREMENT } from "../tools/zig.ts";
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

/** Of the code here and in author/ that decides how a module is built; one more when it changes. */
const BUILD = "1";

/** Builds them as `weir build` does, or finds them in the user's cache. Throws a ToolError, one line, on a machine that has no compiler on PyPI. */
export async function buildHello(): Promise<Hello> {
  const names = ["c", "cpp", "zig"] as const;
  const sources = await Promise.all(names.map((name) => contentsOf(sourceOf(`hello-${name}`))));
  const folder = await cached(`hello-zig-${keyOf(...sources.flat(), BUILD, ZIG_REQUIREMENT)}`, async (draft) => {
    const env = await toolchainEnv();
    for (const name of names) await build(`hello-${name}`, join(draft, `${name}.wasm`), env);
  });
  return { c: join(folder, "c.wasm"), cpp: join(folder, "cpp.wasm"), zig: join(folder, "zig.wasm") };
}

/** Path of the same in Rust; 100 KB. Throws a ToolError, one line, on a machine without cargo and rustup. */
export async function buildHelloRust(): Promise<string> {
  const toolchain = await needRust();
  const sources = await contentsOf(sourceOf("hello-rust"));
  const folder = await cached(`hello-rust-${keyOf(...sources, BUILD, toolchain)}`, (draft) =>
    build("hello-rust", join(draft, "hello.wasm"), outsideNpm()),
  );
  return join(folder, "hello.wasm");
}

async function build(name: string, module: string, env: Readonly<Record<string, string>>): Promise<void> {
  const project = await readProject(sourceOf(name));
  const built = project.ok ? await buildProject(project.value, { env, module, prove: false }) : project;
  if (!built.ok) throw new ToolError(`${name}: ${built.error.message}${"words" in built.error ? `\n${built.error.words}` : ""}`);
}
