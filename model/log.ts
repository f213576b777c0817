/** Facts of a log line: `key=value` in text, fields in JSON. docs/logging.md lists the keys that mean the same everywhere. */
export type Facts = Readonly<Record<string, unknown>>;

/** One line per event: a level, a message, and facts. */
export interface Log {
  debug(message: string, facts?: Facts): void;
  info(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  error(message: string, facts?: Facts): void;
  /** False when debug lines are not written: their facts need not be gathered. */
  readonly isDebug: boolean;
  /** A log whose lines carry these facts too: `log.child({ filter, rollout })`. */
  child(bindings: Facts): Log;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, isDebug: false, child: () => silentLog };
