import { bodyOf, headerChanges, type Message, type Pairs } from "../../preflight/index.ts";
import type { Expectation, MessageExpectation } from "./case.ts";
import { describeCall } from "./compare.ts";
import { describeText, type Mismatch } from "./compare-message.ts";
import { matches } from "./matcher.ts";
import type { Observed } from "./observed.ts";

const LOUD: ReadonlySet<string> = new Set(["warn", "error", "critical"]);

/**
 * What a filter did and its case does not name: host calls that were refused, what would break in a proxy, calls of other services, warnings and
 * errors, and changes of messages. `sent`: the messages of the step as they would be without the filter.
 */
export function unexpected(
  expect: Expectation,
  got: Observed,
  sent?: { readonly request: Message; readonly upstream: Message },
): Mismatch[] {
  const found = (what: string): Mismatch => ({ path: "strict", line: 0, expected: "nothing that the case does not name", got: what });
  return [
    ...got.remarks,
    ...(expect.callouts === undefined ? got.callouts.map(describeCall) : []),
    ...loudLines(expect, got),
    ...(sent === undefined ? [] : changes("upstream", sent.request, got.upstream, expect.upstream?.value)),
    ...(sent === undefined || got.local ? [] : changes("response", sent.upstream, got.response, expect.response?.value)),
    ...(got.local && expect.local === undefined && expect.response === undefined ? ["the filter answered by itself"] : []),
  ].map(found);
}

function loudLines({ logs = [] }: Expectation, got: Observed): string[] {
  const isNamed = (text: string) => logs.some(({ value }) => matches(value.text, text));
  return got.logs
    .filter(({ level, text }) => LOUD.has(level) && !isNamed(text))
    .map(({ level, text }) => `it logged a line of level ${level}: ${text}`);
}

function changes(what: string, before: Message, after: Message | undefined, expected: MessageExpectation | "none" | undefined): string[] {
  if (after === undefined || expected === "none") return [];
  const named = new Set(expected?.headers.map(({ name }) => name));
  const trailers = new Set(expected?.trailers.map(({ name }) => name));
  const isSame = bodyOf(before).equals(bodyOf(after));
  return [
    ...pairChanges(`${what}.headers`, before.headers, after.headers, named),
    ...(isSame || expected?.body !== undefined ? [] : [`${what}.body was changed`]),
    ...pairChanges(`${what}.trailers`, before.trailers, after.trailers, trailers),
  ];
}

function pairChanges(what: string, before: Pairs, after: Pairs, named: ReadonlySet<string>): string[] {
  return headerChanges(before, after)
    .filter(({ name }) => !named.has(name))
    .map(({ name, was, is }) => `${what}.${name} was ${describeText(was)} and is ${describeText(is)}`);
}
