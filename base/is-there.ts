import { stat } from "node:fs/promises";

/** Whether there is something at a path that this process can see. A link to nothing is not there. */
export function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
