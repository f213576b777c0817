import { Context } from "./context";
import { isAlive } from "./registry";
import { Numbered } from "./table";

/** What waits for an answer from elsewhere. It may wait for several calls. */
export abstract class Callback {
  /** `context` (the stream, or the plugin) is the one that host functions act on in the callback. */
  constructor(readonly context: Context) {}
}

/** A call under way, by the proxy's token, and who waits for it. */
export class Call extends Numbered {
  constructor(
    token: u32,
    public callback: Callback,
    public isStream: bool,
  ) {
    super();
    this.id = token;
  }

  /** Puts the context of the callback in force. False: it has ended, and nobody waits any more. */
  resume(): bool {
    const context = this.callback.context;
    if (!isAlive(context)) return false;
    context.activate();
    return true;
  }
}
