import { bounded } from "../../base/boundary.ts";
import { shared } from "../../base/shared.ts";
import type { Assigner } from "../../model/delivery.ts";
import type { WaveLine } from "../rollout/wave.ts";
import type { Overrides, ServedFilter } from "./place.ts";
import { createSharedSlots } from "./shared-slots.ts";
import { slotsDue } from "./slots.ts";

export interface AssignmentsDeps {
  readonly assigner: Pick<Assigner, "assign">;
  /** The filters that concern a proxy. */
  readonly filtersOf: (proxyKey: string) => Iterable<ServedFilter>;
  /** False for a proxy that another server serves. */
  readonly isOwn: (proxyKey: string) => boolean;
  readonly line: WaveLine;
  readonly overrides: Overrides;
  /** What a proxy is due could not be told, which only a bug does: it keeps what it has. */
  readonly failed: (proxyKey: string, error: unknown) => void;
  /** True while more filters are about to change: what they change goes out together. */
  readonly isBusy: () => boolean;
}

/** Tells proxies what they are due. Proxies are marked as filters change, and each is assigned once for all that changed meanwhile. */
export interface Assignments {
  /** These proxies may be due other chains. */
  mark(proxyKeys: Iterable<string>): void;
  /** From now on proxies are answered; before, the desired state is not known. */
  start(): void;
  stop(): void;
}

/** Longest time that a marked proxy waits for other filters to be decided, in milliseconds. */
const LONGEST_WAIT_MS = 20;
/** How long one turn of the event loop may assign, in milliseconds: sockets are served in between. */
const SLICE_MS = 10;

export function createAssignments({ assigner, filtersOf, isOwn, line, overrides, failed, isBusy }: AssignmentsDeps): Assignments {
  const lists = createSharedSlots();
  const marked = new Set<string>();
  let isServing = false;
  let scheduled = false;
  let waitingSince: number | undefined;

  function schedule(): void {
    if (scheduled || !isServing || marked.size === 0) return;
    scheduled = true;
    shared(() => setImmediate(flush));
  }

  function flush(): void {
    scheduled = false;
    const began = performance.now();
    waitingSince ??= began;
    if (!isBusy() || began - waitingSince >= LONGEST_WAIT_MS) {
      for (const id of marked) {
        if (!isServing || performance.now() - began >= SLICE_MS) break;
        marked.delete(id);
        bounded(
          () => assigner.assign(id, lists.of(slotsDue(id, filtersOf(id), line, overrides))),
          (error) => failed(id, error),
        );
      }
      if (marked.size === 0) waitingSince = undefined;
    }
    schedule();
  }

  return {
    mark(proxyKeys) {
      for (const id of proxyKeys) if (isOwn(id)) marked.add(id);
      schedule();
    },
    start() {
      isServing = true;
      schedule();
    },
    stop() {
      isServing = false;
    },
  };
}
