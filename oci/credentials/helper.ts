import { spawn } from "node:child_process";
import { fieldsOf } from "../../base/json.ts";
import { clip, oneLine } from "../../base/text.ts";
import type { Credentials } from "../../model/module.ts";
import { fail, ok, type Result } from "../../model/result.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** A program that keeps credentials for Docker and others, e.g. in a keychain: https://github.com/docker/docker-credential-helpers#development */
export interface CredentialHelper {
  /** The program: `docker-credential-NAME`. */
  readonly program: string;
  /** `undefined`: it has none for the server. All fail with `CredentialHelperFailed`. */
  get(server: string): Promise<Result<Credentials | undefined>>;
  store(server: string, credentials: Credentials): Promise<Result<void>>;
  erase(server: string): Promise<Result<void>>;
}

export interface HelperOptions {
  readonly env: Environment;
  /** Milliseconds for one run; then it is killed. A person may have to unlock a keychain meanwhile. Default 60 s. */
  readonly timeoutMs?: number;
}

const NAME = /^[a-z0-9._-]+$/;
const MAX_OUTPUT_BYTES = 64 << 10;
const NOT_FOUND = "credentials not found in native keychain";

/** The helper that a Docker configuration names `name`. Fails with `CredentialHelperFailed` for a name that no program can have. */
export function createHelper(name: string, options: HelperOptions): Result<CredentialHelper> {
  if (!NAME.test(name) || name.length > 100)
    return fail(
      "CredentialHelperFailed",
      `${JSON.stringify(clip(name, 100))} is not the name of a credential helper; correct it in Docker's configuration`,
    );
  const program = `docker-credential-${name}`;
  return ok({
    program,
    async get(server) {
      const ran = await run(program, "get", server, options);
      if (!ran.ok) return ran;
      if (ran.value.isNotFound) return ok(undefined);
      return readAnswer(program, ran.value.output);
    },
    async store(server, { username, password }) {
      const ran = await run(program, "store", JSON.stringify({ ServerURL: server, Username: username, Secret: password }), options);
      return ran.ok ? ok(undefined) : ran;
    },
    async erase(server) {
      const ran = await run(program, "erase", server, options);
      return ran.ok ? ok(undefined) : ran;
    },
  });
}

function readAnswer(program: string, output: string): Result<Credentials | undefined> {
  let document: unknown;
  try {
    document = JSON.parse(output);
  } catch {
    return fail("CredentialHelperFailed", `${program} answered with something that is not JSON`);
  }
  const { Username: username, Secret: password } = fieldsOf(document);
  if (typeof username !== "string" || typeof password !== "string")
    return fail("CredentialHelperFailed", `${program} answered without a Username and a Secret`);
  return ok(username === "" && password === "" ? undefined : { username, password });
}

interface Ran {
  readonly output: string;
  readonly isNotFound: boolean;
}

/** Runs the program without a shell. What it prints is told only where it failed, and never when it was given a secret. */
async function run(
  program: string,
  action: "get" | "store" | "erase",
  input: string,
  { env, timeoutMs = 60_000 }: HelperOptions,
): Promise<Result<Ran>> {
  const failed = (why: string) => fail("CredentialHelperFailed", `${program}, which Docker's configuration names, ${why}`);
  const { output, status, problem } = await exchange(program, action, input, env, timeoutMs);
  if (problem !== undefined) return failed(problem);
  if (output.trim() === NOT_FOUND) return ok({ output: "", isNotFound: true });
  if (status === 0) return ok({ output, isNotFound: false });
  const said = action === "store" ? "" : clip(oneLine(output), 200);
  return failed(`failed on ${action} (status ${status}${said === "" ? "" : `: ${said}`})`);
}

interface Exchanged {
  readonly output: string;
  readonly status: number | undefined;
  readonly problem?: string;
}

function exchange(program: string, action: string, input: string, env: Environment, timeoutMs: number): Promise<Exchanged> {
  return new Promise((resolve) => {
    const child = spawn(program, [action], { env: { ...env }, stdio: ["pipe", "pipe", "ignore"] });
    const parts: Buffer[] = [];
    let size = 0;
    const end = (ended: Omit<Exchanged, "output">) => {
      clearTimeout(timer);
      resolve({ output: Buffer.concat(parts).toString("utf8"), ...ended });
    };
    const kill = (problem: string) => {
      child.kill("SIGKILL");
      // Its own children may hold the pipe open.
      child.stdout.destroy();
      end({ status: undefined, problem });
    };
    const timer = setTimeout(() => kill(`did not answer in ${Math.round(timeoutMs / 1000)} s`), timeoutMs);
    child.stdout.on("data", (part: Buffer) => {
      size += part.length;
      if (size > MAX_OUTPUT_BYTES) kill("answered with more than 64 KiB");
      else parts.push(part);
    });
    child.on("error", (error: NodeJS.ErrnoException) =>
      end({
        status: undefined,
        problem:
          error.code === "ENOENT" ? "is not on the PATH; install it, or take it out of the configuration" : `cannot be run (${error.code})`,
      }),
    );
    child.on("close", (status) => end({ status: status ?? -1 }));
    child.stdin.on("error", () => {}); // it may end before it has read all
    child.stdin.end(input);
  });
}
