import type { ModuleRegistry } from "../../model/module.ts";
import type { Records } from "./records.ts";

/** Tells the store what must stay in it: all that a kept revision may go back to. */
export interface Retention {
  /** Revisions changed. The store is told once for all that changes in this turn of the event loop. */
  update(): void;
}

export function createRetention(records: Pick<Records, "digests">, registry: Pick<ModuleRegistry, "retain">): Retention {
  let isDue = false;
  return {
    update() {
      if (isDue) return;
      isDue = true;
      setImmediate(() => {
        isDue = false;
        registry.retain(records.digests());
      });
    },
  };
}
