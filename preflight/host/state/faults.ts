/** Why a plugin's VM cannot be used any more. */
export interface Fault {
  readonly kind: "trap" | "crash" | "limit";
  /** The callback that was running, e.g. `proxy_on_request_headers`. */
  readonly callback: string;
  /** The trap in V8's words, or what the host could not do. */
  readonly message: string;
  /** What the plugin logged as an error in that callback: the text of a panic. May be empty. */
  readonly errorText: string;
  /** Functions of the module, innermost first. Empty when the module has no names. */
  readonly backtrace: readonly string[];
}

/** Something that crashes the whole proxy, not only the plugin. */
export class ProxyCrash extends Error {}

/** The plugin made the host keep more than the sandbox allows. */
export class HostLimit extends Error {}

/** A host function that Envoy forbids in this phase (start functions and allocation may only log, read the clock and so on). */
export class RestrictedCall extends Error {}

const FRAME = /^\s*at (.+?) \(wasm:\/\/[^)]*\)/;

/** The fault for an exception that a call into the module threw. */
export function faultOf(error: unknown, callback: string, errorText: string): Fault {
  const kind = error instanceof ProxyCrash ? "crash" : error instanceof HostLimit ? "limit" : "trap";
  const message = error instanceof Error ? error.message : "an exception that nothing in the module caught";
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const backtrace = stack.split("\n").flatMap((line) => FRAME.exec(line)?.[1]?.replace(/^.*?\.wasm\./, "") ?? []);
  return { kind, callback, message, errorText, backtrace: backtrace.slice(0, 5) };
}

/** `proxy_on_tick trapped: unreachable (in runtime.throw < main.main)`. */
export function describeFault(fault: Fault): string {
  const verb = { trap: "trapped", crash: "would crash the proxy", limit: "went over a limit of the sandbox" }[fault.kind];
  const where = fault.backtrace.length === 0 ? "" : ` (in ${fault.backtrace.join(" < ")})`;
  const said = fault.errorText === "" ? "" : `; it said: ${fault.errorText}`;
  return `${fault.callback} ${verb}: ${fault.message}${where}${said}`;
}
