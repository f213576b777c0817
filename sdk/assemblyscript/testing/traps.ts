import { Action, registerStream, StreamContext } from "@weir-dev/assemblyscript";

/** Reads past the end of an array: the compiler's check traps, with words. */
class Traps extends StreamContext {
  private items: i32[] = [1];

  onRequestHeaders(count: u32, endOfStream: bool): Action {
    return this.items[count];
  }
}

registerStream(() => new Traps());
