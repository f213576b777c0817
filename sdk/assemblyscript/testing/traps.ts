import { Action, RootContext, registerPlugin, StreamContext } from "@weir-dev/assemblyscript";

/** Reads past the end of an array: the compiler's check traps, with words. */
class Traps extends RootContext {
  createStream(): StreamContext {
    return new TrapsStream();
  }
}

class TrapsStream extends StreamContext {
  private items: i32[] = [1];

  onRequestHeaders(count: u32, endOfStream: bool): Action {
    return this.items[count];
  }
}

registerPlugin(() => new Traps());
