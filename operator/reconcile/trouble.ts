import type { Requeue } from "../../base/work-queue.ts";
import type { Log } from "../../model/log.ts";
import type { Metrics } from "../../model/metrics.ts";
import type { FilterRecord } from "../filter/record.ts";

export interface TroubleDeps {
  readonly records: { get(id: string): FilterRecord | undefined };
  readonly log: Log;
  readonly metrics: Metrics;
  /** The record's status says something else now. */
  readonly report: (record: FilterRecord) => void;
}

/** Work on filters that may throw, which only a bug does. It is told in the log and in the filter's status, and is that filter's alone. */
export interface Trouble {
  threw(filter: string, error: unknown): void;
  /** The same work, which takes back what the status says when it succeeds again. */
  watched(process: (id: string) => Requeue | Promise<Requeue>): (id: string) => Requeue | Promise<Requeue>;
}

export function createTrouble(what: string, { records, log, metrics, report }: TroubleDeps): Trouble {
  function worked(id: string, requeue: Requeue): Requeue {
    const record = records.get(id);
    if (record?.trouble?.what === what && requeue.retry !== true) {
      record.hasTrouble(undefined);
      report(record);
    }
    return requeue;
  }
  return {
    threw(filter, error) {
      metrics.retried("reconcile");
      log.error(`${what} failed unexpectedly; tried again`, { filter, error: error instanceof Error ? error.stack : String(error) });
      const record = records.get(filter);
      if (record === undefined) return;
      // No more than its name: a message may quote what the filter read from a Secret.
      const name = error instanceof Error ? error.name : "an error";
      record.hasTrouble({ what, message: `${what} failed unexpectedly (${name}) and is tried again; report it with what the log says` });
      report(record);
    },
    watched: (process) => (id) => {
      const result = process(id);
      return result instanceof Promise ? result.then((requeue) => worked(id, requeue)) : worked(id, result);
    },
  };
}
