import { open } from "node:fs/promises";
import { type Document, isScalar, LineCounter, type Node, parseDocument, visit } from "yaml";
import { whyUnread } from "../../base/error.ts";
import { readText } from "../../base/read-text.ts";
import { clip, oneLine } from "../../base/text.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { Place } from "./place.ts";

/** Bytes of a file that an author writes by hand. */
const MAX_BYTES = 1024 * 1024;
/** Characters of the parser's words that a message shows. */
const SHOWN = 200;

/** Reads a YAML or JSON file of one document, of at most 1 MiB. `name` is what messages call it. */
export async function readYaml(path: string, name: string): Promise<Result<Place>> {
  try {
    const file = await open(path, "r");
    const text = await readText(file.createReadStream(), MAX_BYTES);
    if (text === undefined) return fail("WrongYaml", `${name} has more than ${MAX_BYTES} bytes; keep large data in files beside it`);
    return openYaml(text, name);
  } catch (error) {
    return fail("CannotRead", `${name} ${whyUnread(error)}`);
  }
}

/** The document in a YAML 1.2 text: https://yaml.org/spec/1.2.2/. A key that a map has twice is wrong. */
export function openYaml(text: string, name: string): Result<Place> {
  const lines = new LineCounter();
  const wrong = (offset: number, what: string) => fail("WrongYaml", `${name}:${lines.linePos(offset).line || 1}: ${what}`);
  try {
    // The library compares each key with each other one; that is minutes for a file of 1 MiB.
    const document = parseDocument(text, { lineCounter: lines, intAsBigInt: true, prettyErrors: false, uniqueKeys: false });
    const [error] = document.errors;
    if (error?.message.startsWith("Maximum call stack") === true) throw new RangeError(error.message);
    if (error?.code === "MULTIPLE_DOCS")
      return wrong(error.pos[0], "a second document begins here; one document a file: make a file of each");
    if (error !== undefined) return wrong(error.pos[0], clip(oneLine(error.message), SHOWN));
    const twice = findTwice(document);
    if (twice !== undefined) return wrong(twice.range?.[0] ?? 0, "the key stands here a second time; remove one of the two");
    const whole = new Place({ name, document, lines }, document.contents as Node | null, "", null);
    // Aliases that copy too much show when values are made of them.
    void whole.value;
    return ok(whole);
  } catch (error) {
    if (error instanceof ReferenceError) return fail("WrongYaml", `${name}: too many aliases; write out what they stand for`);
    if (error instanceof RangeError) return fail("WrongYaml", `${name} is nested too deep; make it flatter`);
    throw error;
  }
}

/** A key that its map has already. */
function findTwice(document: Document): Node | undefined {
  let found: Node | undefined;
  visit(document, {
    Map(_, { items }) {
      const seen = new Set<string>();
      for (const { key } of items) {
        const name = isScalar(key) ? String(key.value) : String(key);
        if (seen.has(name)) {
          found = key as Node;
          return visit.BREAK;
        }
        seen.add(name);
      }
      return undefined;
    },
  });
  return found;
}
