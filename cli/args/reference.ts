import type { Command, Section } from "./command.ts";
import { argumentRow, flagRows, type Row, usageLine } from "./help.ts";

/** docs/cli.md: every command as its help tells it, in Markdown. Generated, so that it cannot fall behind. */
export function renderReference(sections: readonly Section[]): string {
  const parts = [
    "# Commands",
    "Written by `npm run generate` from the same table that `weir --help` and completion read. `weir COMMAND --help` prints one of these on the screen.",
    [
      "Results go to stdout, everything else to stderr: `error:` what is wrong and what to do, `hint:` where to read on, `note:` what else to know.",
      "Exit status: 0 done, 1 failed, 2 wrong usage. Colours appear on a screen only; `NO_COLOR` turns them off, `FORCE_COLOR` on.",
    ].join("\n"),
    ...sections.flatMap(({ title, commands }) => [`## ${title}`, ...commands.map(renderCommand)]),
  ];
  return `${parts.join("\n\n")}\n`;
}

function renderCommand(command: Command): string {
  const args = Object.values(command.args);
  const parts = [
    `### weir ${command.name}`,
    `${command.summary}.`,
    fenced(usageLine(command)),
    command.about
      .split("\n\n")
      .map((paragraph) => paragraph.split(/\s+/).join(" ").trim())
      .join("\n\n"),
    ...(args.length === 0 ? [] : [table("argument", args.map(argumentRow))]),
    table("flag", flagRows(command)),
    ...(command.examples.length === 0 ? [] : [fenced(command.examples.map(({ command: line, does }) => `# ${does}\n${line}`).join("\n"))]),
  ];
  return parts.join("\n\n");
}

function table(title: string, rows: readonly Row[]): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  return [`| ${title} | |`, "|---|---|", ...rows.map(([term, help]) => `| \`${cell(term.trim())}\` | ${cell(help)} |`)].join("\n");
}

function fenced(text: string): string {
  return `\`\`\`sh\n${text}\n\`\`\``;
}
