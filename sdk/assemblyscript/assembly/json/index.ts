import { Parser } from "./parser";
import { JsonError, JsonValue } from "./value";

export { JsonError, JsonKind, JsonValue } from "./value";

/** A value, or what is wrong with the text: one of them is null. https://www.rfc-editor.org/rfc/rfc8259 */
export class JsonResult {
  constructor(
    public value: JsonValue | null,
    public error: JsonError | null,
  ) {}
}

/**
 * Reads JSON (https://www.rfc-editor.org/rfc/rfc8259), 64 levels deep at most. An empty text is an empty object: a filter without a configuration.
 * It never traps: a wrong configuration is refused with words, not with a dead VM.
 */
export function parseJson(text: string): JsonResult {
  const parser = new Parser(text);
  const value = parser.parse();
  return parser.error === null ? new JsonResult(value, null) : new JsonResult(null, parser.error);
}
