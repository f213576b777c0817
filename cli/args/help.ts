import { wrap } from "../../base/text.ts";
import type { Command, Section } from "./command.ts";
import { HELP_FLAG, longName, oneOf } from "./parse.ts";
import type { Argument, Flag, StringFlag } from "./syntax.ts";

/** Lines longer than this are hard to read on any screen. */
const WIDEST = 100;
/** Narrower columns cannot be read; the terminal wraps instead. */
const NARROWEST = 40;
const INDENT = 2;
const GAP = 2;

/** A term and what it means. */
export type Row = readonly [term: string, help: string];

/** `weir --help`: what Weir is, one line for each command, where to begin. `columns` is the width of the screen. */
export function renderOverview(sections: readonly Section[], columns: number): string {
  const width = lineWidth(columns);
  const shown = sections.filter(({ isHidden }) => !isHidden);
  const term = widest(shown.flatMap(({ commands }) => commands.map(summaryRow)));
  return page([
    wrap("weir puts WebAssembly filters into Envoy proxies: by digest, proved before they ship, with the truth in status.", width),
    "Usage: weir COMMAND [ARGUMENTS] [FLAGS]",
    ...shown.map(({ title, commands }) => list(title, commands.map(summaryRow), width, term)),
    list(
      "Flags",
      [
        ["-h, --help", "show this help, or with a command that command's"],
        ["-V, --version", "print the version"],
      ],
      width,
      term,
    ),
    [
      "Begin without a cluster, with a folder of manifests:",
      "  weir serve --filters ./filters",
      "  weir bootstrap --node web-1 --upstream 127.0.0.1:8080 > envoy.yaml && envoy -c envoy.yaml",
      "  weir apply --filters ./filters -f filter.yaml && weir get --filters ./filters",
    ].join("\n"),
    wrap("`weir COMMAND --help` tells about one command. Exit status: 0 done, 1 failed, 2 wrong usage.", width),
  ]);
}

/** `weir rollout --help`: the commands that share a first word. */
export function renderGroup(word: string, commands: readonly Command[], columns: number): string {
  return page([
    `Usage: weir ${word} COMMAND [ARGUMENTS] [FLAGS]`,
    list("Commands", commands.map(summaryRow), lineWidth(columns)),
    `\`weir ${word} COMMAND --help\` tells about one of them.`,
  ]);
}

/** `weir get --help`. */
export function renderCommand(command: Command, columns: number): string {
  const width = lineWidth(columns);
  const args = Object.values(command.args);
  return page([
    wrap(`${command.summary}.`, width),
    `Usage: ${usageLine(command)}`,
    wrap(command.about, width),
    ...(args.length === 0 ? [] : [list("Arguments", args.map(argumentRow), width)]),
    list("Flags", flagRows(command), width),
    ...(command.examples.length === 0 ? [] : [examples(command)]),
  ]);
}

/** `weir push FILE REF [FLAGS]`: arguments and required flags in full, the other flags as one word. */
export function usageLine({ name, args, flags }: Command): string {
  const required = Object.entries(flags).flatMap(([long, flag]) =>
    flag.type === "string" && flag.required ? [flagUsage(long, flag)] : [],
  );
  const words = [`weir ${name}`, ...Object.values(args).map(placeholder), ...required, "[FLAGS]"];
  return words.join(" ");
}

/** The rows of a command's flags, `--help` last. */
export function flagRows(command: Command): readonly Row[] {
  return Object.entries({ ...command.flags, help: HELP_FLAG }).map(([name, flag]) => [flagTerm(name, flag), flagHelp(flag)]);
}

export function argumentRow(arg: Argument): Row {
  return [arg.value, arg.choices === undefined ? arg.help : `${arg.help} (${oneOf(arg.choices)})`];
}

function summaryRow({ name, summary }: Command): Row {
  return [name, summary];
}

function placeholder(arg: Argument): string {
  const name = arg.multiple ? `${arg.value}...` : arg.value;
  return arg.optional ? `[${name}]` : name;
}

function flagUsage(name: string, flag: StringFlag): string {
  const word = flag.short === undefined ? `--${name}` : `-${flag.short}`;
  return `${word} ${valueName(flag)}${flag.multiple ? "..." : ""}`;
}

function flagTerm(name: string, flag: Flag): string {
  const long =
    flag.type === "boolean"
      ? longName(name, flag)
      : `--${name}${flag.bare === undefined ? ` ${valueName(flag)}` : `[=${valueName(flag)}]`}`;
  return flag.short === undefined ? `    ${long}` : `-${flag.short}, ${long}`;
}

/** The value's name, e.g. `DIR`. Choices without one are listed: `closed|open`. */
function valueName({ value, choices }: StringFlag): string {
  return value ?? choices?.join("|") ?? "VALUE";
}

function flagHelp(flag: Flag): string {
  const facts: string[] = [];
  if (flag.type === "string" && flag.choices !== undefined && valueName(flag) !== flag.choices.join("|")) facts.push(oneOf(flag.choices));
  if (flag.type === "string" && flag.required) facts.push("required");
  if (flag.type === "string" && flag.multiple) facts.push("may be repeated");
  if (flag.env !== undefined) facts.push(`or $${flag.env}`);
  if (flag.type === "string" && flag.fallback) facts.push(`default ${flag.fallback}`);
  return facts.length === 0 ? flag.help : `${flag.help} (${facts.join("; ")})`;
}

function examples({ examples: all }: Command): string {
  return ["Examples:", ...all.flatMap(({ command, does }) => [`  # ${does}`, `  ${command}`])].join("\n");
}

function page(parts: readonly string[]): string {
  return `${parts.join("\n\n")}\n`;
}

function lineWidth(columns: number): number {
  return Math.max(NARROWEST, Math.min(WIDEST, columns));
}

function widest(rows: readonly Row[]): number {
  return Math.max(...rows.map(([term]) => term.length));
}

/** A titled list in two columns. A term that is wider than a third of the line has its help on the next line. */
function list(title: string, rows: readonly Row[], width: number, term = widest(rows)): string {
  const column = INDENT + Math.min(term, Math.floor(width / 3)) + GAP;
  const margin = " ".repeat(column);
  const lines = rows.map(([each, help]) => {
    const body = wrap(help, width - column).replaceAll("\n", `\n${margin}`);
    const lead = `${" ".repeat(INDENT)}${each}`;
    return lead.length + GAP > column ? `${lead}\n${margin}${body}` : `${lead.padEnd(column)}${body}`;
  });
  return [`${title}:`, ...lines].join("\n");
}
