import { homedir } from "node:os";
import { join } from "node:path";
import { isThere } from "../../base/is-there.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { type Ran, run } from "../process/run.ts";
import { CARGO, RUST_TARGET } from "./requirements.ts";
import type { FindToolchain, Machine } from "./toolchain.ts";
import { need } from "./version.ts";

/** `cargo`, which builds in the project's own `target/`. What the profile `release` of its Cargo.toml says holds. */
export const findRust: FindToolchain = async ({ folder }, machine) => {
  const version = await need(CARGO, folder, machine);
  if (!version.ok) return version;
  const remaps = await remapsOf(folder, machine);
  if (!remaps.ok) return remaps;
  return ok({
    title: `Rust ${version.value}`,
    isOptimizing: false,
    command: async ({ project: { folder: cwd } }) => {
      const { args, env } = withFlags(remaps.value, machine.env);
      const locked = (await isThere(join(cwd, "Cargo.lock"))) ? ["--locked"] : [];
      const build = ["build", "--release", "--target", RUST_TARGET, "--message-format=json", ...locked, ...args];
      // Names are stripped after the build, so a build with them has the same code and the same cache.
      return ok({
        program: "cargo",
        args: build,
        cwd,
        env: { ...env, CARGO_PROFILE_RELEASE_STRIP: "debuginfo", CARGO_TERM_COLOR: "never" },
      });
    },
    read: (ran, { output }) => readMessages(ran, output),
  });
};

/** No path of this machine is in the module: those in messages of panics lead from the project, the registry or the standard library. */
async function remapsOf(folder: string, machine: Machine): Promise<Result<readonly string[]>> {
  const asked = ["--print", "sysroot", "--print", "target-libdir", "--target", RUST_TARGET];
  const ran = await run({ program: "rustc", args: asked, cwd: folder, env: machine.env }, { signal: machine.signal });
  if (!ran.ok) return ran.error.retryable ? ran : fail("NoToolchain", `rustc is missing; ${CARGO.install}`);
  const [sysroot = "", library = ""] = ran.value.stdout.trim().split("\n");
  if (library === "" || !(await isThere(library)))
    return fail("NoToolchain", `Rust cannot build for ${RUST_TARGET} yet; add it with rustup target add ${RUST_TARGET}`);
  const { CARGO_HOME = join(machine.env.HOME ?? homedir(), ".cargo") } = machine.env;
  const moves = [
    [folder, "."],
    [CARGO_HOME, "/cargo"],
    [join(sysroot, "lib/rustlib/src/rust"), "/rust"],
  ];
  return ok(moves.map(([from, to]) => `--remap-path-prefix=${from}=${to}`));
}

/** Adds flags where the user's own stay in force: https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags */
function withFlags(flags: readonly string[], env: Machine["env"]): { readonly args: readonly string[]; readonly env: Machine["env"] } {
  const { CARGO_ENCODED_RUSTFLAGS: encoded, RUSTFLAGS: plain } = env;
  if (encoded === undefined && plain === undefined) return { args: ["--config", `build.rustflags=${JSON.stringify(flags)}`], env };
  const own = encoded?.split("\x1f") ?? plain?.split(" ") ?? [];
  return { args: [], env: { ...env, CARGO_ENCODED_RUSTFLAGS: [...own, ...flags].filter((flag) => flag !== "").join("\x1f") } };
}

/** Parts of cargo's messages: https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages */
interface Message {
  readonly reason?: string;
  readonly message?: { readonly rendered?: string };
  readonly filenames?: readonly string[];
}

function readMessages({ code, stdout, stderr }: Ran, output: string): { readonly module: string; readonly words: string } {
  const messages = stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map(parse);
  const words = messages.map(({ reason, message }) => (reason === "compiler-message" ? (message?.rendered ?? "") : "")).join("\n");
  // The last one is the project's own.
  const module = messages.flatMap(({ filenames = [] }) => filenames.filter((name) => name.endsWith(".wasm"))).at(-1);
  const failed =
    code === 0 ? "" : stderr.replace(/^ *(Compiling|Downloading|Downloaded|Updating|Locking|Adding|Blocking|Finished) .*\n?/gm, "");
  return { module: module ?? output, words: `${words}${failed}` };
}

function parse(line: string): Message {
  try {
    return JSON.parse(line) as Message;
  } catch {
    return {};
  }
}
