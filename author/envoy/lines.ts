import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** Of a longer line the rest is dropped: a filter may log megabytes. */
const MAX_LINE = 16 << 10;

/** Calls `take` with each line of what a process writes, without its end; also with the last one, if it has none. */
export function eachLine(stream: Readable, take: (line: string) => void): void {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  const add = (text: string) => {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(0, MAX_LINE);
    for (const line of lines) take(line.replace(/\r$/, "").slice(0, MAX_LINE));
  };
  stream.on("data", (chunk: Buffer) => add(decoder.write(chunk)));
  stream.once("end", () => {
    add(decoder.end());
    if (rest !== "") take(rest);
  });
}
