import { LOG_LEVELS } from "../../../preflight/index.ts";
import type { Place } from "../../yaml/place.ts";
import type { CalloutExpectation, Expectation, Expected, LogMatcher, MessageExpectation, StartExpectation } from "../case.ts";
import type { Matcher } from "../matcher.ts";
import { expectMatcher, readMatcher } from "./matcher.ts";
import type { Reading } from "./reading.ts";

const KEYS = ["upstream", "response", "local", "held", "trap", "logs", "callouts", "metrics", "sharedData"] as const;
const PSEUDO = { method: ":method", path: ":path", host: ":authority", scheme: ":scheme", status: ":status" } as const;
type Pseudo = keyof typeof PSEUDO;
const PARTS = ["headers", "body", "trailers"] as const;
const REQUEST: readonly Pseudo[] = ["method", "path", "host", "scheme"];

/** What should come of a step. What is not named is not compared. */
export function readExpectation(reading: Reading, place: Place | undefined): Expectation {
  if (place === undefined) return {};
  reading.map(place, KEYS);
  return readParts(reading, place);
}

function readParts(reading: Reading, place: Place): Expectation {
  const [upstream, response, local, held, trap] = ["upstream", "response", "local", "held", "trap"].map((key) => place.get(key));
  const [logs, callouts, metrics, shared] = ["logs", "callouts", "metrics", "sharedData"].map((key) => place.get(key));
  return {
    ...(upstream && { upstream: messageOrNone(reading, upstream, "upstream", REQUEST) }),
    ...(response && { response: messageOrNone(reading, response, "response", ["status"]) }),
    ...(local && { local: { path: "local", line: local.line, value: reading.flag(local) } }),
    ...(held && { held: { path: "held", line: held.line, value: readHeld(reading, held) } }),
    ...(trap && { trap: trap.value === true ? present(trap, "trap") : expectMatcher(reading, trap, "trap") }),
    ...(logs && { logs: readLogs(reading, logs) }),
    ...(callouts && { callouts: readCallouts(reading, callouts) }),
    ...(metrics && { metrics: named(reading, metrics, "metrics") }),
    ...(shared && { sharedData: named(reading, shared, "sharedData") }),
  };
}

/** What should come of starting the filter, with nothing after it; `undefined`: a case expects something of its exchanges. */
export function readStart(reading: Reading, place: Place | undefined): StartExpectation | undefined {
  const start = place?.get("start");
  if (place === undefined || start === undefined) return undefined;
  reading.map(place, ["start", "logs", "callouts", "metrics", "sharedData"]);
  const isRefused = reading.choice(start, ["accepted", "refused"]) === "refused";
  return { line: start.line, isRefused, expect: readParts(reading, place) };
}

function readHeld(reading: Reading, place: Place): "request" | "response" | "none" {
  if (place.value === null) return "none";
  return reading.choice(place, ["request", "response"]) ?? "none";
}

function present(place: Place, path: string): Expected<Matcher> {
  return { path, line: place.line, value: { kind: "present" } };
}

function messageOrNone(reading: Reading, place: Place, path: string, pseudo: readonly Pseudo[]): Expected<MessageExpectation | "none"> {
  const isNone = place.value === null;
  return { path, line: place.line, value: isNone ? "none" : readMessageExpectation(reading, place, path, { pseudo }) };
}

interface Known {
  readonly pseudo: readonly Pseudo[];
  /** Keys that the caller reads. */
  readonly others?: readonly string[];
}

export function readMessageExpectation(reading: Reading, place: Place, path: string, { pseudo, others = [] }: Known): MessageExpectation {
  reading.map(place, [...pseudo, ...PARTS, ...others]);
  const first = pseudo.flatMap((key) => {
    const given = place.get(key);
    return given === undefined ? [] : [{ ...expectMatcher(reading, given, `${path}.${key}`), name: PSEUDO[key] }];
  });
  const body = place.get("body");
  const headers = place.get("headers");
  const trailers = place.get("trailers");
  return {
    headers: [...first, ...(headers === undefined ? [] : named(reading, headers, `${path}.headers`, true))],
    ...(body && { body: expectMatcher(reading, body, `${path}.body`) }),
    trailers: trailers === undefined ? [] : named(reading, trailers, `${path}.trailers`, true),
  };
}

function named(reading: Reading, place: Place, path: string, isLowerCase = false): (Expected<Matcher> & { readonly name: string })[] {
  if (!place.isMap) reading.wrong(place, "must be a map of names and what is expected of them");
  return place.entries().map(({ key, place: given }) => {
    const name = isLowerCase ? key.toLowerCase() : key;
    return { ...expectMatcher(reading, given, `${path}.${name}`), name };
  });
}

/** Each item is what a line should be, or a map of its level and its text. */
function readLogs(reading: Reading, place: Place): Expected<LogMatcher>[] {
  return reading.list(place).map((item, index) => {
    const level = item.get("level");
    const text = item.get("text");
    const value =
      level === undefined && text === undefined
        ? { level: undefined, text: readMatcher(reading, item) }
        : readLeveled(reading, item, level, text);
    return { path: `logs[${index}]`, line: item.line, value };
  });
}

function readLeveled(reading: Reading, item: Place, level: Place | undefined, text: Place | undefined): LogMatcher {
  reading.map(item, ["level", "text"]);
  return { level: reading.choice(level, LOG_LEVELS), text: text === undefined ? { kind: "present" } : readMatcher(reading, text) };
}

function readCallouts(reading: Reading, place: Place): Expected<readonly Expected<CalloutExpectation>[]> {
  const items = place.value === null ? [] : reading.list(place);
  const value = items.map((item, index) => {
    const path = `callouts[${index}]`;
    const [cluster, grpc] = [item.get("cluster"), item.get("grpc")];
    const message = readMessageExpectation(reading, item, path, { pseudo: REQUEST, others: ["cluster", "grpc"] });
    const expectation = {
      ...message,
      ...(cluster && { cluster: expectMatcher(reading, cluster, `${path}.cluster`) }),
      ...(grpc && { grpc: expectMatcher(reading, grpc, `${path}.grpc`) }),
    };
    return { path, line: item.line, value: expectation };
  });
  return { path: "callouts", line: place.line, value };
}
