import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Fetch } from "../registry/fetch.ts";

/** Bytes of a `root.json` to begin with; the client takes no larger one from a repository. */
export const MAX_ROOT_BYTES = 512_000;

const DEADLINE_MS = 60_000;
/** As sigstore names it: https://docs.sigstore.dev/about/security/#sigstores-root-of-trust */
const TARGET = "trusted_root.json";

export interface TrustRootFetch {
  /** Where the TUF repository is, by HTTP or HTTPS. */
  readonly mirror: string;
  /** The repository's `root.json` to begin with; default: that of the public sigstore. */
  readonly root?: Uint8Array | undefined;
  readonly fetch: Fetch;
  /** Milliseconds for all of it. Default: a minute. */
  readonly deadlineMs?: number;
}

/**
 * The trust root that a TUF repository has now, as text that `readTrustRoot` takes. Nothing is kept of an earlier time: that what comes is not older than what came before is known by its
 * expiry alone. Fails with `TrustRootUnreachable` (the network), `TrustRootUntrusted` (signatures, hashes, expiry), `RootInvalid` (`root`) or `TrustRootInvalid` (the content).
 */
export async function fetchTrustRoot({ mirror, root, fetch, deadlineMs = DEADLINE_MS }: TrustRootFetch): Promise<Result<string>> {
  // Loaded when asked for alone: who verifies offline needs nothing of it.
  const [{ publicRoot, readTarget }, { readTrustRoot }] = await Promise.all([import("./client.ts"), import("../signature/trust-root.ts")]);
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, AbortSignal.timeout(deadlineMs)]);
  const folder = await mkdtemp(join(tmpdir(), "weir-trust-root-"));
  try {
    await writeFile(join(folder, "root.json"), root ?? publicRoot());
    const target = await readTarget(TARGET, { mirror: mirror.replace(/\/+$/, ""), folder, fetch, signal });
    if (!target.ok) return target;
    const text = target.value.toString("utf8");
    const read = readTrustRoot(text);
    return read.ok ? ok(text) : fail(read.error.reason, `${TARGET} of ${mirror}: ${read.error.message}`);
  } finally {
    done.abort();
    await rm(folder, { recursive: true, force: true });
  }
}
