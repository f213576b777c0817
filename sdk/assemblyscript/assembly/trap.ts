import { LogLevel } from "./abi/types";
import { log } from "./log";

/**
 * What the compiler calls for `throw`, a failed `assert` and an access out of bounds: tells why and where, and traps. The VM is dead then: Envoy answers 500 to the
 * request under way, and to all others until it starts a new VM, or lets them pass, by the filter's `failurePolicy`.
 */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const why = message === null ? "" : message;
  const where = file === null ? "" : file;
  log(LogLevel.Critical, "abort: " + why + " (" + where + ":" + decimal(line) + ":" + decimal(column) + ")");
  unreachable();
}

/** The compiler's own `toString` brings 2 KB of tables into every filter. */
function decimal(value: u32): string {
  let text = "";
  do {
    text = String.fromCharCode(0x30 + (value % 10)) + text;
    value /= 10;
  } while (value > 0);
  return text;
}
