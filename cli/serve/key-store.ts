import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Authority } from "../../cluster/index.ts";
import { systemClock } from "../../model/clock.ts";
import type { ClusterAccess } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import { ok, type Result } from "../../model/result.ts";
import { usage } from "../args/usage.ts";
import { patiently } from "./patiently.ts";
import { type KeySource, privateKeyFile } from "./private-key.ts";

/** Where the keys of a Weir are. Each is made when it is first asked for, and the same from then on. */
export interface KeyStore {
  /** Whether the authority is rotated by Weir. */
  readonly rotates: boolean;
  readonly privateKey: KeySource;
  readonly authority: () => Promise<Result<Authority>>;
}

export interface KeyStoreOptions {
  readonly dataDir: string;
  readonly cluster: ClusterAccess | undefined;
  /** Weir's own. */
  readonly namespace: string | undefined;
  readonly log: Log;
}

/** Below `--data`, or in Secrets of Weir's own namespace: those take over what is below `--data`. Nothing is read or made yet. */
export function openKeyStore(kind: "file" | "secret", options: KeyStoreOptions): Result<KeyStore> {
  const { dataDir, cluster, namespace, log } = options;
  const files = fileStore(dataDir);
  if (kind === "file") return ok({ rotates: false, privateKey: files.privateKey, authority: files.authority });
  if (cluster === undefined) return usage("--key-store secret needs a cluster; leave --filters out, or keep the keys in files");
  if (namespace === undefined) return usage("--key-store secret needs --own-namespace: the Secrets are there");
  const { api, follow } = cluster;
  return ok({
    rotates: true,
    async privateKey() {
      const { privateKeySecret } = await import("../../cluster/index.ts");
      const before = async () => (existsSync(join(dataDir, "private", "key")) ? files.privateKey() : ok(undefined));
      return patiently(() => privateKeySecret({ api, namespace, log, before }), log);
    },
    async authority() {
      const { openKeptAuthority } = await import("../../cluster/index.ts");
      const before = async () => (existsSync(join(dataDir, "private", "ca")) ? files.certificate() : ok(undefined));
      return patiently(() => openKeptAuthority({ api, follow, namespace, log, before, clock: systemClock }), log);
    },
  });
}

function fileStore(dataDir: string) {
  // Loaded here: who needs no certificate does not wait for what makes them.
  const certificate = async () => (await import("../identity/authority.ts")).ownAuthority(dataDir, systemClock.now());
  return {
    certificate,
    privateKey: privateKeyFile(dataDir),
    async authority() {
      const files = await certificate();
      const { fixedAuthority } = await import("../../cluster/index.ts");
      return files.ok ? ok(fixedAuthority(files.value)) : files;
    },
  };
}
