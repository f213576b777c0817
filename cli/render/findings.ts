import type { Finding } from "../../cluster/index.ts";
import { createPaint } from "./paint.ts";
import { table } from "./table.ts";

/** A line for each finding: `fail  weir  there is no Weir ...`. */
export function renderFindings(findings: readonly Finding[], color: boolean): string {
  const paint = createPaint(color);
  const lines = table(
    undefined,
    findings.map(({ status, about, message }) => [status, about, message]),
  );
  const colors = { ok: paint.good, warn: paint.busy, fail: paint.bad };
  return lines.map((line, index) => `${withFirstWord(line, colors[findings[index]?.status ?? "ok"])}\n`).join("");
}

function withFirstWord(line: string, color: (text: string) => string): string {
  const end = line.indexOf(" ");
  return color(line.slice(0, end)) + line.slice(end);
}
