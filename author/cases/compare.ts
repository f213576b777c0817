import { count } from "../../base/text.ts";
import type { LogLine } from "../../preflight/index.ts";
import type { CalloutExpectation, Expectation, Expected, LogMatcher, MessageExpectation } from "./case.ts";
import { compareMessage, compareText, type Mismatch } from "./compare-message.ts";
import { describeMatcher, matches } from "./matcher.ts";
import type { Observed, ObservedCall } from "./observed.ts";

/** Where what came of a step is not what the case expects of it. `shared`: the shared data under the keys that it names. */
export function compare(expect: Expectation, got: Observed, shared: ReadonlyMap<string, string | undefined>): Mismatch[] {
  return [
    ...trapMismatch(expect, got),
    ...messageMismatch(expect.upstream, got.upstream, "the upstream gets nothing"),
    ...messageMismatch(expect.response, got.response, "the client gets no response"),
    ...(expect.local === undefined ? [] : plain(expect.local, got.local, (local) => `the ${local ? "filter" : "upstream"} answers`)),
    ...heldMismatch(expect, got),
    ...logMismatch(expect.logs ?? [], got.logs),
    ...calloutMismatch(expect.callouts, got.callouts),
    ...(expect.metrics ?? []).flatMap((metric) => compareText(metric, metricOf(got, metric.name))),
    ...(expect.sharedData ?? []).flatMap((entry) => compareText(entry, shared.get(entry.name))),
  ];
}

/** A filter that traps fails its case, unless the case expects that. */
function trapMismatch({ trap }: Expectation, got: Observed): Mismatch[] {
  if (trap !== undefined) return compareText(trap, got.trap?.message);
  return got.trap === undefined
    ? []
    : [{ path: "trap", line: 0, expected: "the filter goes on", got: `it trapped in ${got.trap.callback}: ${got.trap.message}` }];
}

function heldMismatch({ held, response }: Expectation, got: Observed): Mismatch[] {
  if (held !== undefined)
    return plain(held, got.held ?? "none", (where) => (where === "none" ? "nothing is held" : `the ${where} is held`));
  if (got.held === undefined || response?.value === "none") return [];
  return [{ path: "held", line: 0, expected: "the filter lets everything go on", got: `it holds the ${got.held} for good` }];
}

function plain<T>({ path, line, value }: Expected<T>, got: T, describe: (value: T) => string): Mismatch[] {
  return value === got ? [] : [{ path, line, expected: describe(value), got: describe(got) }];
}

function messageMismatch(
  expected: Expected<MessageExpectation | "none"> | undefined,
  got: Observed["upstream"],
  nothing: string,
): Mismatch[] {
  if (expected === undefined) return [];
  const { path, line, value } = expected;
  if (value !== "none")
    return got === undefined ? [{ path, line, expected: "a message", got: nothing }] : compareMessage(value, got, path, line);
  return got === undefined ? [] : [{ path, line, expected: nothing, got: describeHead(got.headers) }];
}

function describeHead(headers: readonly (readonly [string, string])[]): string {
  const pseudo = headers.filter(([name]) => name.startsWith(":") && name !== ":scheme").map(([, value]) => value);
  return `a message: ${pseudo.join(" ")}`;
}

/** Every expected line must come, each after the one before it. */
function logMismatch(expected: readonly Expected<LogMatcher>[], got: readonly LogLine[]): Mismatch[] {
  let from = 0;
  for (const { path, line, value } of expected) {
    if (value.text.kind === "absent") continue;
    const at = got.findIndex((entry, index) => index >= from && isLine(value, entry));
    if (at < 0) return [{ path, line, expected: describeLine(value), got: describeRest(got, from) }];
    from = at + 1;
  }
  return [];
}

function isLine({ level, text }: LogMatcher, line: LogLine): boolean {
  return (level === undefined || level === line.level) && matches(text, line.text);
}

function describeLine({ level, text }: LogMatcher): string {
  return `a line${level === undefined ? "" : ` of level ${level}`}: ${describeMatcher(text)}`;
}

function describeRest(lines: readonly LogLine[], from: number): string {
  const rest = lines.length - from;
  if (lines.length === 0) return "no line";
  return rest === 0 ? "no line after those that the case found" : count(rest, "line", ", none of them that");
}

function calloutMismatch(expected: Expectation["callouts"], got: readonly ObservedCall[]): Mismatch[] {
  if (expected === undefined) return [];
  const { path, line, value } = expected;
  const missing = value.slice(got.length).map((each) => ({ path: each.path, line: each.line, expected: "a call", got: "no further call" }));
  const extra = got.slice(value.length).map((call) => ({ path, line, expected: "no further call", got: describeCall(call) }));
  const wrong = value.slice(0, got.length).flatMap((each, index) => compareCall(each, got[index]));
  return [...wrong, ...missing, ...extra];
}

function compareCall({ path, line, value }: Expected<CalloutExpectation>, call: ObservedCall | undefined): Mismatch[] {
  return [
    ...(value.cluster === undefined ? [] : compareText(value.cluster, call?.cluster)),
    ...(value.grpc === undefined ? [] : compareText(value.grpc, call?.grpc)),
    ...compareMessage(value, call?.message, path, line),
  ];
}

export function describeCall({ cluster, grpc, message }: ObservedCall): string {
  return grpc === undefined
    ? `a call of ${cluster}: ${describeHead(message.headers).replace("a message: ", "")}`
    : `a gRPC call of ${cluster}: ${grpc}`;
}

/** A metric that was never defined has no value. */
function metricOf({ metrics }: Observed, name: string): string | undefined {
  return metrics.find((metric) => metric.name === name)?.value.toString();
}
