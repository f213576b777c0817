import type { Place } from "../../yaml/place.ts";
import type { Step } from "../case.ts";
import { readBytes } from "./bytes.ts";
import { readExpectation } from "./expect.ts";
import { readAnswer, readRequest } from "./message.ts";
import type { Reading } from "./reading.ts";

/** What makes a step another than an exchange. */
const KINDS = ["advance", "sharedData", "queue", "end"] as const;
export const EXCHANGE_KEYS = ["request", "upstream", "expect"] as const;

/** One thing that happens to the filter. */
export function readStep(reading: Reading, place: Place): Step {
  const kind = KINDS.find((key) => place.get(key) !== undefined);
  if (kind === undefined) {
    reading.map(place, [...EXCHANGE_KEYS, ...KINDS]);
    return readExchange(reading, place);
  }
  const common = { line: place.line, expect: readExpectation(reading, place.get("expect")) };
  const value = place.get("value");
  reading.map(place, [kind, "expect", ...(kind === "sharedData" || kind === "queue" ? ["value"] : [])]);
  const told = place.at(kind);
  switch (kind) {
    case "advance":
      return { ...common, kind, ms: reading.duration(told, 0) };
    case "end":
      if (!reading.flag(told)) reading.wrong(told, "must be true");
      return { ...common, kind };
    default:
      if (value === undefined) reading.wrong(place, "has no value");
      return { ...common, kind, key: reading.text(told), value: value === undefined ? new Uint8Array() : readBytes(reading, value) };
  }
}

export function readExchange(reading: Reading, place: Place): Step {
  return {
    kind: "exchange",
    line: place.line,
    request: readRequest(reading, place.get("request")),
    upstream: readAnswer(reading, place.get("upstream")),
    expect: readExpectation(reading, place.get("expect")),
  };
}
