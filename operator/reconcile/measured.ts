import type { Requeue } from "../../base/work-queue.ts";
import type { Metrics } from "../../model/metrics.ts";

/** The same reconcile, with its duration told. One that throws is tried again. */
export function measured(reconcile: (id: string) => Requeue, metrics: Metrics): (id: string) => Requeue {
  return (id) => {
    const end = metrics.start("reconcile");
    let isDone = false;
    try {
      const requeue = reconcile(id);
      isDone = true;
      return requeue;
    } finally {
      end(isDone ? "success" : "retry");
    }
  };
}
