import { bodyOf, headerChanges, type Message, type Pairs } from "../../preflight/index.ts";
import { describeCall } from "./compare.ts";
import { describeText } from "./compare-message.ts";
import type { Observed, ObservedCall } from "./observed.ts";

/** What a real Envoy adds by itself. */
const ADDED = /^(date|server|x-envoy-.*|via)$/;

/** What the filter logged before it trapped, as `Fault` words it. */
const SAID = /; it said: .*$/s;

/** What differs, a line each, between what came of a step in the sandbox and in a real Envoy. `envoy`: its name. */
export function differences(sandbox: Observed, real: Observed, envoy: string): string[] {
  const line = (what: string, ours: string, theirs: string) =>
    ours === theirs ? [] : [`${what}: ${ours} in the sandbox, ${theirs} in ${envoy}`];
  return [
    ...messageDifferences("upstream", sandbox.upstream, real.upstream, line),
    ...messageDifferences("response", sandbox.response, real.response, line),
    ...line("local", String(sandbox.local), String(real.local)),
    ...line("held", sandbox.held ?? "nothing", real.held ?? "nothing"),
    ...line("trap", trapText(sandbox), trapText(real)),
    ...callDifferences(
      sandbox.callouts.filter(({ isUnheard }) => isUnheard !== true),
      real.callouts,
      line,
    ),
    ...(sandbox.isTimed ? [] : [...logDifferences(sandbox, real, line), ...metricDifferences(sandbox, real, line)]),
  ];
}

type Line = (what: string, ours: string, theirs: string) => string[];

/** What the filter said of it is compared with the lines that it logged: the sandbox alone repeats it here. */
function trapText({ trap }: Observed): string {
  return trap === undefined ? "none" : `${trap.callback}: ${trap.message.replace(SAID, "")}`;
}

function messageDifferences(what: string, ours: Message | undefined, theirs: Message | undefined, line: Line): string[] {
  if (ours === undefined || theirs === undefined)
    return line(what, ours === undefined ? "none" : "one", theirs === undefined ? "none" : "one");
  return [
    ...pairDifferences(`${what}.headers`, ours.headers, theirs.headers, line),
    ...line(`${what}.body`, describeText(bodyOf(ours).toString("utf8")), describeText(bodyOf(theirs).toString("utf8"))),
    ...pairDifferences(`${what}.trailers`, ours.trailers, theirs.trailers, line),
  ];
}

function pairDifferences(what: string, ours: Pairs, theirs: Pairs, line: Line): string[] {
  return headerChanges(ours, theirs)
    .filter(({ name }) => !ADDED.test(name))
    .flatMap(({ name, was, is }) => line(`${what}.${name}`, describeText(was), describeText(is)));
}

function callDifferences(ours: readonly ObservedCall[], theirs: readonly ObservedCall[], line: Line): string[] {
  const found = line("callouts", list(ours.map(describeCall)), list(theirs.map(describeCall)));
  if (found.length > 0) return found;
  // A scheme is Envoy's to add.
  const plain = ({ message }: ObservedCall): Message => ({ ...message, headers: message.headers.filter(([name]) => name !== ":scheme") });
  return ours.flatMap((call, index) => messageDifferences(`callouts[${index}]`, plain(call), theirs[index] && plain(theirs[index]), line));
}

/** What is told of several things at once comes in no certain order. */
function logDifferences(sandbox: Observed, real: Observed, line: Line): string[] {
  const lines = ({ logs }: Observed) => logs.map(({ level, text }) => `${level} ${text}`).sort();
  const [ours, theirs] = [lines(sandbox), lines(real)];
  const [onlyOurs, onlyTheirs] = [without(ours, theirs), without(theirs, ours)];
  return line("logs", list(onlyOurs), list(onlyTheirs));
}

function without(lines: readonly string[], others: readonly string[]): string[] {
  const left = [...others];
  return lines.filter((each) => {
    const at = left.indexOf(each);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** An Envoy keeps the metrics of filters that are gone: those that the filter of now has are compared. */
function metricDifferences(sandbox: Observed, real: Observed, line: Line): string[] {
  return sandbox.metrics.flatMap(({ name, value }) => {
    const theirs = real.metrics.find((metric) => metric.name === name)?.value;
    return line(`metrics.${name}`, String(value), theirs === undefined ? "nothing" : String(theirs));
  });
}

function list(lines: readonly string[]): string {
  return lines.length === 0 ? "none" : lines.map((each) => JSON.stringify(each)).join(", ");
}
