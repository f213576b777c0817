import { wrap } from "../../base/wrap.ts";
import type { Argument, Command, Flag } from "./command.ts";

/** Commands under one heading of `weir --help`. */
export interface Section {
  readonly title: string;
  readonly commands: readonly Command[];
}

const WIDTH = 100;

/** `weir --help`: what Weir is, every command in one line each, where to begin. */
export function renderOverview(sections: readonly Section[]): string {
  const names = sections.flatMap(({ commands }) => commands.map(({ name }) => name.length));
  const width = Math.max(...names) + 2;
  const lists = sections.map(({ title, commands }) =>
    [`${title}:`, ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`)].join("\n"),
  );
  return `${[
    "weir puts WebAssembly filters into Envoy proxies: by digest, proved before they ship, with the truth in status.",
    "Usage: weir COMMAND [ARGUMENTS] [FLAGS]",
    ...lists,
    [
      "Begin without a cluster, with a folder of manifests:",
      "  weir serve --filters ./filters",
      "  weir bootstrap --node web-1 --upstream 127.0.0.1:8080 > envoy.yaml && envoy -c envoy.yaml",
      "  weir apply --filters ./filters -f filter.yaml && weir get --filters ./filters",
    ].join("\n"),
    "`weir COMMAND --help` tells about one command. Exit status: 0 done, 1 failed, 2 wrong usage.",
  ].join("\n\n")}\n`;
}

/** `weir rollout --help`: the commands that share a first word. */
export function renderGroup(word: string, commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  return `${[
    `Usage: weir ${word} COMMAND ...`,
    commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`).join("\n"),
    `\`weir ${word} COMMAND --help\` tells about one of them.`,
  ].join("\n\n")}\n`;
}

/** `weir get --help`. */
export function renderCommand(command: Command): string {
  const args = Object.values(command.args);
  const flags = Object.entries(command.flags);
  const parts = [
    `${command.summary}.`,
    `Usage: ${[`weir ${command.name}`, ...args.map(placeholder), ...(flags.length === 0 ? [] : ["[FLAGS]"])].join(" ")}`,
    wrap(command.about, WIDTH),
  ];
  if (args.length > 0)
    parts.push(
      list(
        "Arguments",
        args.map((arg) => [arg.value, arg.help]),
      ),
    );
  if (flags.length > 0)
    parts.push(
      list(
        "Flags",
        flags.map(([name, flag]) => [flagTerm(name, flag), flagHelp(flag)]),
      ),
    );
  if (command.examples.length > 0) {
    parts.push(["Examples:", ...command.examples.flatMap(({ command: line, does }) => [`  # ${does}`, `  ${line}`])].join("\n"));
  }
  return `${parts.join("\n\n")}\n`;
}

function placeholder(arg: Argument): string {
  return arg.optional ? `[${arg.value}]` : arg.value;
}

function flagTerm(name: string, { type, short, value }: Flag): string {
  const long = type === "boolean" ? `--${name}` : `--${name} ${value ?? "VALUE"}`;
  return short === undefined ? `    ${long}` : `-${short}, ${long}`;
}

function flagHelp({ help, env, fallback, multiple, choices }: Flag): string {
  const facts = [
    ...(choices === undefined ? [] : [choices.join(" or ")]),
    ...(multiple ? ["may be repeated"] : []),
    ...(env === undefined ? [] : [`or $${env}`]),
    ...(fallback === undefined || fallback === "" ? [] : [`default ${fallback}`]),
  ];
  return facts.length === 0 ? help : `${help} (${facts.join("; ")})`;
}

function list(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(30, Math.max(...rows.map(([term]) => term.length)) + 2);
  const lines = rows.map(([term, help]) => {
    const body = wrap(help, WIDTH - width - 2).replaceAll("\n", `\n${" ".repeat(width + 2)}`);
    const lead = term.length + 2 > width ? `  ${term}\n${" ".repeat(width + 2)}` : `  ${term.padEnd(width)}`;
    return `${lead}${body}`;
  });
  return [`${title}:`, ...lines].join("\n");
}
