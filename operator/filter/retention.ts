import { shared } from "../../base/shared.ts";
import type { ModuleRegistry } from "../../model/module.ts";
import type { Records } from "./records.ts";

/** Tells the store what must stay in it: all that a kept revision may go back to. */
export interface Retention {
  /** Revisions changed. The store is told once for all that changes in this turn of the event loop. */
  update(): void;
}

/** `objects`: by id. The store is told nothing before the revisions of all of them were read back: it would drop what they need. */
export function createRetention(
  records: Pick<Records, "digests" | "get">,
  registry: Pick<ModuleRegistry, "retain">,
  objects: ReadonlyMap<string, unknown>,
): Retention {
  let isDue = false;
  function isWhole(): boolean {
    for (const id of objects.keys()) if (records.get(id)?.recalled !== true) return false;
    return true;
  }

  function retain(): void {
    isDue = false;
    registry.retain(() => (isWhole() ? records.digests() : undefined));
  }

  return {
    update() {
      if (isDue) return;
      isDue = true;
      shared(() => setImmediate(retain));
    },
  };
}
