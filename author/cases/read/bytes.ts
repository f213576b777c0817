import { isBase64 } from "../../../base/base64.ts";
import { printExactJson } from "../../../model/exact-json.ts";
import type { Place } from "../../yaml/place.ts";
import type { Reading } from "./reading.ts";

/** Largest body or value, in characters of the file. */
const MAX_BODY = 512 * 1024;

/** Bytes as a file of cases writes them: a text, `{json: ...}` or `{base64: ...}`. */
export function readBytes(reading: Reading, place: Place): Uint8Array {
  if (!place.isMap) return Buffer.from(reading.text(place, MAX_BODY));
  reading.map(place, ["json", "base64"]);
  const json = place.get("json");
  if (json !== undefined) return Buffer.from(jsonText(json));
  const base64 = place.get("base64");
  if (base64 === undefined) {
    reading.wrong(place, "must be a text, or a map of json or base64");
    return new Uint8Array();
  }
  const text = reading.text(base64, MAX_BODY);
  if (!isBase64(text)) reading.wrong(base64, "is no base64");
  return Buffer.from(text, "base64");
}

function jsonText(place: Place): string {
  return printExactJson(place.value);
}
