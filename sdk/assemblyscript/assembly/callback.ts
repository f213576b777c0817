import { Context } from "./context";
import { isAlive } from "./registry";
import { find, Numbered, remove, Table } from "./table";

/** What waits for an answer from elsewhere. */
export abstract class Callback extends Numbered {
  /** `context` (the stream, or the plugin) is the one that host functions act on in the callback. */
  constructor(readonly context: Context) {
    super();
  }
}

/** Who waits for this answer, with its context in force. Null: nobody does any more, for the context has ended. */
export function waiting(calls: Table, token: u32): Callback | null {
  const callback = changetype<Callback | null>(find(calls, token));
  if (callback === null) return null;
  if (!isAlive(callback.context)) {
    remove(calls, callback);
    return null;
  }
  callback.context.activate();
  return callback;
}
