import type { Log } from "../../model/log.ts";
import type { FileCrashJournal } from "./crash-journal.ts";

/** Hears of errors that nothing caught. */
export interface CrashWatch {
  /** Resolves with the first. The process is to end in order then; it ends anyway after `CLOSE_MS`. */
  readonly crashed: Promise<void>;
  stop(): void;
}

/** How long an end in order may take, in milliseconds. */
const CLOSE_MS = 5_000;
/** More errors than this while the process ends: something throws in a circle. */
const MAX_ERRORS = 10;
/** EX_SOFTWARE of sysexits.h. */
export const CRASHED = 70;

/**
 * From now on an error that nothing catches is logged with its stack, held against the spec that was under way, and told by `crashed`. Both files are written before
 * anything else happens.
 */
export function watchCrashes(journal: Pick<FileCrashJournal, "end">, log: Log): CrashWatch {
  const { promise: crashed, resolve } = Promise.withResolvers<void>();
  let errors = 0;
  const heard = (error: unknown, origin: string): void => {
    if (++errors > MAX_ERRORS) process.exit(CRASHED);
    if (errors === 1) setTimeout(() => process.exit(CRASHED), CLOSE_MS).unref();
    const filter = recorded(journal, log);
    const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error);
    log.error("fatal: an error that nothing caught ends the server", { ...(filter === undefined ? {} : { filter }), origin, stack });
    resolve();
  };
  process.on("uncaughtException", heard);
  return { crashed, stop: () => void process.off("uncaughtException", heard) };
}

/** The filter whose spec was under way. */
function recorded(journal: Pick<FileCrashJournal, "end">, log: Log): string | undefined {
  try {
    return journal.end();
  } catch (error) {
    log.error("the crash could not be recorded", { error: String(error) });
    return undefined;
  }
}
