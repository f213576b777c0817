/** One line from any text. Control characters go, escape sequences with them: they could move the cursor of a person who reads. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
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

/** A number with its noun, `1 page` or `2 pages`, and what follows it. */
export function count(number: number, noun: string, after = ""): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}${after}`;
}
