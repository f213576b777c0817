import { systemClock } from "../../model/clock.ts";
import type { CrashJournal } from "../../model/crash-journal.ts";
import { alone, type Leadership } from "../../model/leadership.ts";
import { ok, type Result } from "../../model/result.ts";
import type { Source } from "../../operator/index.ts";
import { createCrashJournal } from "./crash-journal.ts";
import { CRASHED, watchCrashes } from "./crash-watch.ts";
import { lockData } from "./data-lock.ts";
import { ownVersion } from "./own-version.ts";
import { follow } from "./predecessor.ts";
import { createRegistryWebhook, type RegistryWebhookOptions } from "./registry-webhook.ts";
import { type ServeOptions, type Server, startServer } from "./serve.ts";
import { stopSignal } from "./stop-signal.ts";

interface HearingOptions extends ServeOptions {
  /** Where registries tell of tags; `undefined`: nowhere. */
  readonly registryWebhook: Pick<RegistryWebhookOptions, "address" | "secret"> | undefined;
}

export interface RunOptions extends Omit<HearingOptions, "source" | "crashes"> {
  readonly sourceOf: (crashes: CrashJournal, leadership: Leadership | undefined) => Source;
}

/**
 * Runs a server on a data folder of its own until a signal stops it. An error that nothing catches ends it too, in the same order; the process has status
 * `CRASHED` then.
 */
export async function runServer({ sourceOf, ...options }: RunOptions): Promise<Result<void>> {
  const { dataDir, log } = options;
  const lock = await lockData(dataDir, log);
  if (!lock.ok) return lock;
  const predecessor = lock.value.isHeld && options.replica !== undefined ? await follow(dataDir, options.replica.id) : undefined;
  if (predecessor !== undefined) options.replica?.lease.succeed(predecessor);
  const crashes = createCrashJournal({ dataDir, log, version: ownVersion(), now: systemClock.now });
  const watch = watchCrashes(crashes, log);
  const crashed = watch.crashed.then(() => undefined);
  const source = sourceOf(crashes, options.replica?.lease);
  const server = await Promise.race([startHearing({ ...options, source, crashes }), crashed]);
  if (server === undefined) process.exit(CRASHED);
  if (server.ok) {
    const signal = await Promise.race([stopSignal(), crashed]);
    if (signal !== undefined) {
      log.info("stopping", { signal });
      await Promise.race([server.value.drain(), crashed]);
    }
    await server.value.close();
    if (signal === undefined) process.exit(CRASHED);
  }
  watch.stop();
  crashes.close();
  lock.value.release();
  return server.ok ? ok(undefined) : server;
}

/** The server, and the ear for registries where one is asked for: they end together. */
async function startHearing({ registryWebhook, ...options }: HearingOptions): Promise<Result<Server>> {
  const server = await startServer(options);
  if (!server.ok || registryWebhook === undefined) return server;
  const { source, log, replica } = options;
  const webhook = createRegistryWebhook({
    ...registryWebhook,
    moved: (path) => source.announce(`repository/${path}`),
    leadership: replica?.lease ?? alone,
    clock: systemClock,
    log,
  });
  const bound = await webhook.listen();
  if (!bound.ok) {
    await server.value.close();
    return bound;
  }
  log.info("registries may tell of tags", { address: `http://${bound.value.host}:${bound.value.port}` });
  return ok({
    ...server.value,
    async close() {
      await webhook.close();
      await server.value.close();
    },
  });
}
