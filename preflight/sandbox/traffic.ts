import type { ProofProblem } from "../../model/verdict.ts";
import { describeFault, type Fault, type Plugin } from "../host/index.ts";

/** What became of what was sent to a plugin. */
export interface Traffic {
  /** The plugin that got the last of it. */
  readonly plugin: Plugin;
  readonly effects: string[];
  /** Status of each request as a client would see it; `undefined`: no answer. Empty for connections. */
  readonly answers: readonly (number | undefined)[];
  /** What harms more than one request: the proxy, or the machine; or what was not tried to its end. */
  readonly fatal: ProofProblem | undefined;
  /** The first that fails a request, and nothing else. */
  readonly failing: ProofProblem | undefined;
}

/** What a fault of a plugin is for its proxy. `title`: of the request that it got last; empty: none, or its timers fired. */
export function problemOf(fault: Fault | undefined, title = ""): Pick<Traffic, "fatal" | "failing"> {
  if (fault === undefined) return { fatal: undefined, failing: undefined };
  const message = `${title === "" ? "" : `${title}: `}${describeFault(fault)}`;
  if (fault.kind === "trap") return { fatal: undefined, failing: { reason: "TrafficFailed", message } };
  return { fatal: { reason: fault.kind === "crash" ? "ProxyCrash" : "MemoryLimit", message }, failing: undefined };
}
