import type { Result } from "../../model/result.ts";
import { type Chosen, chooseImage, type ModuleDeps } from "../resolve/module.ts";
import type { Subject } from "./check.ts";

/** Which image a WasmFilter leads to; `undefined`: a module at a URL. */
export type Choose = (subject: Subject, signal: AbortSignal) => Promise<Result<Chosen>> | undefined;

/** Asks the registry once for each question, however many checks want to know. */
export function createChoose(deps: ModuleDeps): Choose {
  const chosen = new WeakMap<Subject, Promise<Result<Chosen>>>();
  return (subject, signal) => {
    const { filter, record } = subject;
    if (filter.source.kind === "url") return undefined;
    const before = chosen.get(subject);
    if (before !== undefined) return before;
    const asking = { last: record?.lastLook ?? {}, isAsked: false };
    const choosing = chooseImage(filter.source, filter, record?.revisions ?? [], asking, deps, signal);
    chosen.set(subject, choosing);
    return choosing;
  };
}
