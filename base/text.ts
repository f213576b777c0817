/**
 * Characters that act on a terminal or a reader instead of being shown: C0, DEL and C1 controls, line and paragraph separators, and those that
 * reorder text (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters).
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ACTING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** What may stay as it is in whole output: line ends, tabs, and the colours of Weir's own renderers. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const LAYOUT = /[\n\t]|\u001b\[(?:[12]|22|3[0-79]|9[0-7])m/g;
const LINES = /[\n\t]/g;

/** Text that strangers may have written, to be read by people: what would act is shown as `\u001b`. In a JSON document that is the same data. */
export function escapeText(text: string): string {
  return text.replace(ACTING, escapeUnit);
}

/** One UTF-16 unit as JSON, JavaScript and YAML escape it: `\u001b`. */
export function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Whole output, escaped but for its line ends and tabs, and with `color` for the colours that Weir itself uses. For the place that writes it. */
export function escapeOutput(text: string, color: boolean): string {
  let safe = "";
  let end = 0;
  for (const { 0: kept, index } of text.matchAll(color ? LAYOUT : LINES)) {
    safe += escapeText(text.slice(end, index)) + kept;
    end = index + kept.length;
  }
  return safe + escapeText(text.slice(end));
}

/** One line from any text: line breaks and tabs become a space, whatever else would act is escaped. */
export function oneLine(text: string): string {
  return escapeText(text.replace(/[\t\n\v\f\r\u0085\u2028\u2029]+/g, " ")).trim();
}

/** At most `max` characters. A cut is marked with `…`, which counts. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}

/** Breaks at spaces so that no line is longer than `width`; blank lines part paragraphs. */
export function wrap(text: string, width: number): string {
  return text
    .split("\n\n")
    .map((paragraph) => {
      const lines: string[] = [];
      let line = "";
      for (const word of paragraph.split(/\s+/).filter((each) => each !== "")) {
        if (line !== "" && line.length + 1 + word.length > width) {
          lines.push(line);
          line = word;
        } else {
          line = line === "" ? word : `${line} ${word}`;
        }
      }
      return [...lines, line].join("\n");
    })
    .join("\n\n");
}

/** A number with its noun, `1 page`, `2 pages` or `2 proxies`, and what follows it. */
export function count(number: number, noun: string, after = ""): string {
  return `${number} ${nounOf(number, noun)}${after}`;
}

/** The noun as it stands behind this number. */
export function nounOf(number: number, noun: string): string {
  if (number === 1) return noun;
  return /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`;
}
