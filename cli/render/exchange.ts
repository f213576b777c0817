import { clip, count, oneLine } from "../../base/text.ts";
import type { Change, FilterChanges } from "../local/record/changes.ts";
import type { Body, Exchange } from "../local/record/exchange.ts";
import { COMPARED_BYTES } from "../local/record/recorder.ts";
import type { Paint } from "./paint.ts";

/** Longest value and path that are shown. */
const MAX_TEXT = 200;

/** A request as a line, and below it what each filter changed: a line for each header, and for what else there is. */
export function renderExchange(exchange: Exchange, filters: readonly string[], changes: readonly FilterChanges[], paint: Paint): string {
  const { method, path, status, ms, details } = exchange;
  const code = (status >= 500 ? paint.bad : status >= 400 ? paint.busy : paint.good)(String(status));
  const why = details === "via_upstream" || details === "-" ? "" : paint.faint(`  ${shown(details)}`);
  const width = Math.max(0, ...filters.map((name) => name.length));
  const lines = filters.flatMap((name, n) => {
    const change = changes[n];
    if (change === undefined) return [];
    const told = [
      ...change.request.map((one) => `request   ${renderChange(one, paint)}`),
      ...ending(change),
      ...change.response.map((one) => `response  ${renderChange(one, paint)}`),
    ];
    return told.map((line, at) => `  ${paint.strong((at === 0 ? name : "").padEnd(width))}  ${line}`);
  });
  return [`${paint.strong(shown(method))} ${shown(path)} ${code} in ${ms} ms${why}`, ...lines, ""].join("\n");
}

function ending({ outcome }: FilterChanges): string[] {
  return outcome === "ended" ? ["request   went no further"] : [];
}

function renderChange(change: Change, paint: Paint): string {
  if (change.kind === "body") return `${paint.busy("~")} body: ${renderBody(change.from)} -> ${renderBody(change.to)}`;
  const { kind, name } = change;
  const place = change.part === "trailer" ? "trailer " : "";
  if (kind === "changed") return `${paint.busy("~")} ${place}${shown(name)}: ${shown(change.from)} -> ${shown(change.to)}`;
  const sign = kind === "added" ? paint.good("+") : paint.bad("-");
  return `${sign} ${place}${shown(name)}: ${shown(change.value)}`;
}

function renderBody({ size, start }: Body): string {
  if (size === 0) return "none";
  const beyond = size > COMPARED_BYTES ? ", compared by the first MiB" : "";
  return `${count(size, "byte")}${beyond} ${JSON.stringify(clip(start, 60))}`;
}

function shown(text: string): string {
  return clip(oneLine(text), MAX_TEXT);
}
