import { bodyOf, type Message, type Pairs } from "../../preflight/index.ts";
import type { Expected, MessageExpectation } from "./case.ts";
import { describeMatcher, type Matcher, matches } from "./matcher.ts";

/** Where a step did not do what its case expects. */
export interface Mismatch {
  /** `response.headers.x-hello`. */
  readonly path: string;
  readonly line: number;
  /** For people. */
  readonly expected: string;
  readonly got: string;
}

/** What of a message is not as expected. `undefined`: there is no message. */
export function compareMessage(expected: MessageExpectation, got: Message | undefined, path: string, line: number): Mismatch[] {
  if (got === undefined) return [{ path, line, expected: "a message", got: "nothing" }];
  return [
    ...expected.headers.flatMap((header) => compareText(header, headerOf(got.headers, header.name))),
    ...(expected.body === undefined ? [] : compareText(expected.body, bodyText(got, expected.body.value))),
    ...expected.trailers.flatMap((trailer) => compareText(trailer, headerOf(got.trailers, trailer.name))),
  ];
}

export function compareText(expected: Expected<Matcher>, got: string | undefined): Mismatch[] {
  if (matches(expected.value, got)) return [];
  const { path, line, value } = expected;
  return [{ path, line, expected: describeMatcher(value), got: describeText(got) }];
}

/** An empty body is none. */
function bodyText(message: Message, matcher: Matcher): string | undefined {
  const body = bodyOf(message);
  return body.length === 0 && (matcher.kind === "absent" || matcher.kind === "present") ? undefined : body.toString("utf8");
}

/** Values of one name are joined as https://www.rfc-editor.org/rfc/rfc9110#section-5.3 has it. */
export function headerOf(pairs: Pairs, name: string): string | undefined {
  const values = pairs.filter(([key]) => key === name).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(", ");
}

export function describeText(text: string | undefined): string {
  return text === undefined ? "nothing" : JSON.stringify(text);
}
