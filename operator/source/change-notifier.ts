import { shared } from "../../base/shared.ts";
import type { SourceChange } from "./source.ts";

/** Collects changes and notifies listeners once per turn of the event loop. */
export interface ChangeNotifier {
  /** `isOverwritten`: somebody else wrote its status. */
  filter(id: string, isOverwritten?: boolean): void;
  reference(id: string): void;
  policies(): void;
  onChange(listener: (change: SourceChange) => void): () => void;
}

export function createChangeNotifier(): ChangeNotifier {
  const listeners = new Set<(change: SourceChange) => void>();
  let filters = new Set<string>();
  let references = new Set<string>();
  let overwritten = new Set<string>();
  let policies = false;
  let scheduled = false;

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    shared(() => setImmediate(tell));
  }

  function tell(): void {
    const change = { filters, references, overwritten, policies };
    filters = new Set();
    references = new Set();
    overwritten = new Set();
    policies = false;
    scheduled = false;
    for (const listener of listeners) listener(change);
  }

  return {
    filter(id, isOverwritten = false) {
      filters.add(id);
      if (isOverwritten) overwritten.add(id);
      schedule();
    },
    reference(id) {
      references.add(id);
      schedule();
    },
    policies() {
      policies = true;
      schedule();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
