import { relative, resolve } from "node:path";
import type { Language, Shape } from "../../author/index.ts";
import { closest } from "../../base/closest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { usage } from "../args/usage.ts";
import { inScope } from "../local/scope.ts";
import { printNote } from "../output.ts";
import { table } from "../render/table.ts";
import type { Terminal } from "../terminal.ts";

/** The first of each is the default. */
const LANGUAGES = ["assemblyscript", "rust", "go", "c", "cpp", "zig"] as const satisfies readonly Language[];
const SHAPES = ["headers", "auth", "rate-limit", "callout"] as const satisfies readonly Shape[];

/** What to know of a language before it is chosen: what it needs, and what the smallest filter weighs and costs a proxy when it is loaded. */
const LANGUAGE_WORDS: Readonly<Record<Language, readonly [title: string, needs: string, costs: string]>> = {
  assemblyscript: ["AssemblyScript", "needs Node alone", "8 KB, loads in 25 ms"],
  rust: ["Rust", "needs rustup", "105 KB, loads in 150 ms"],
  go: ["Go", "needs Go 1.24", "2 MB, loads in 2.6 s"],
  c: ["C", "needs Zig or Clang", "1 KB, loads in 10 ms"],
  cpp: ["C++", "needs Zig or Clang", "32 KB, loads in 60 ms"],
  zig: ["Zig", "needs Zig", "2 KB, loads in 10 ms"],
};

/** How often a question is asked that gets no answer that fits. */
const MAX_QUESTIONS = 3;

export const init = defineCommand({
  name: "init",
  summary: "Start a filter: a small project that builds, with tests",
  about: `Makes a folder with a filter's source, its weir.yaml, tests, CI and a licence, in one of six languages. It asks for the language and for what the filter does
    from lists; without a terminal nothing is asked: then --language is needed, or --accept-defaults. It says what this machine lacks to build it, and
    what to run next. The folder appears whole or not at all; one that is not empty is refused.`,
  args: { folder: { value: "DIR", completes: "folder", help: "the folder to make" } },
  flags: {
    language: { type: "string", help: "what the filter is written in", choices: LANGUAGES },
    shape: { type: "string", help: "what it does at first; rate-limit and callout are there in AssemblyScript and Rust", choices: SHAPES },
    name: { type: "string", value: "NAME", help: "the filter's name (default: the folder's)" },
    "accept-defaults": { type: "boolean", help: "ask nothing: AssemblyScript, and a filter that adds a header" },
  },
  examples: [
    { does: "asks for the language", command: "weir init my-filter" },
    { does: "asks nothing", command: "weir init my-filter --language rust --shape auth" },
  ],
  async run({ flags, args }, terminal) {
    const { checkFree, checkName, initProject, nameOf, SHAPE_WORDS } = await import("../../author/index.ts");
    const folder = resolve(args.folder);
    const name = flags.name === undefined ? nameOf(folder) : checkName(flags.name);
    if (!name.ok) return name;
    const free = await checkFree(folder);
    if (!free.ok) return free;
    const choice = await choose({ language: flags.language, shape: flags.shape, asks: !flags["accept-defaults"] }, terminal);
    if (!choice.ok) return choice;
    const project = { folder, name: name.value, ...choice.value };
    const made = await inScope(({ signal }) => initProject(project, signal));
    if (!made.ok || made.value !== undefined) return made;
    const [title] = LANGUAGE_WORDS[project.language];
    const where = relative("", folder) || ".";
    terminal.out(`${where}: a filter in ${title} that ${SHAPE_WORDS[project.shape]}\n`);
    await tellMissing(folder, terminal);
    terminal.out(nextSteps(where, project.language));
    return ok(undefined);
  },
});

interface Wanted {
  readonly language: Language | undefined;
  readonly shape: Shape | undefined;
  /** False: what is not said is the default. */
  readonly asks: boolean;
}

interface Choice {
  readonly language: Language;
  readonly shape: Shape;
}

async function choose({ language: given, shape: wanted, asks }: Wanted, terminal: Terminal): Promise<Result<Choice>> {
  const { SHAPE_WORDS, shapesOf } = await import("../../author/index.ts");
  const fits = (language: Language) => wanted === undefined || shapesOf(language).includes(wanted);
  const languages = LANGUAGES.filter(fits);
  const rows = languages.map((language) => [language, ...LANGUAGE_WORDS[language]]);
  const language = given ?? (await pick({ what: "language", rows, choices: languages, asks }, terminal));
  if (language === undefined)
    return usage(`--language is missing: ${languages.join(", ")}; or take the defaults with --accept-defaults (nobody can be asked here)`);
  if (language === "none") return fail("NoChoice", "no language was chosen; nothing was written");
  if (!fits(language))
    return usage(
      `--shape ${wanted} is there in ${languages.join(" and ")}, not in ${language}, which has ${shapesOf(language).join(" and ")}`,
    );
  const shapes = shapesOf(language);
  const shape =
    wanted ??
    (await pick({ what: "shape", rows: shapes.map((one) => [one, SHAPE_WORDS[one]]), choices: shapes, asks }, terminal)) ??
    "headers";
  return shape === "none" ? fail("NoChoice", "no shape was chosen; nothing was written") : ok({ language, shape });
}

interface Question<T extends string> {
  readonly what: string;
  /** Each choice with what there is to know of it; the first is the default. */
  readonly rows: readonly (readonly string[])[];
  readonly choices: readonly T[];
  readonly asks: boolean;
}

/** Asks for one of a list, by its number or its name. `undefined`: nobody can be asked. `none`: no answer fitted. */
async function pick<T extends string>({ what, rows, choices, asks }: Question<T>, terminal: Terminal): Promise<T | "none" | undefined> {
  const [first] = choices;
  if (!asks) return first;
  const list = table(
    undefined,
    rows.map((row, index) => [String(index + 1), ...row]),
    "  ",
  );
  let question = `${list.join("\n")}\n${what} [${first}]: `;
  for (let asked = 0; asked < MAX_QUESTIONS; asked++) {
    const answer = (await terminal.ask(question))?.trim();
    if (answer === undefined) return undefined;
    const chosen = answer === "" ? first : (choices[Number(answer) - 1] ?? choices.find((choice) => choice === answer.toLowerCase()));
    if (chosen !== undefined) return chosen;
    const near = closest(answer, choices);
    question = `"${answer}" is none of them${near === undefined ? "" : `; did you mean ${near}?`}\n${what} [${first}]: `;
  }
  return "none";
}

/** What this machine lacks to build the project, and how to get it. The compiler of AssemblyScript comes with `npm ci`. */
async function tellMissing(folder: string, terminal: Terminal): Promise<void> {
  const { findToolchain, outsideNpm, readProject } = await import("../../author/index.ts");
  const project = await readProject(folder);
  if (!project.ok || project.value.language === "assemblyscript") return;
  const found = await findToolchain(project.value, { env: outsideNpm(terminal.env) });
  if (!found.ok) printNote(found.error.message, terminal);
}

/** The commands that follow, as they are typed. */
function nextSteps(folder: string, language: Language): string {
  const steps = [
    ...(folder === "." ? [] : [[`cd ${/^[\w./-]+$/.test(folder) ? folder : `'${folder.replaceAll("'", `'\\''`)}'`}`, ""]]),
    ...(language === "assemblyscript" ? [["npm ci", "the compiler, from npm"]] : []),
    ["weir test", "builds it, and runs the cases in tests/"],
    ["weir dev", "runs it in a real Envoy, and swaps it when you save a file"],
  ];
  return `next:\n${table(undefined, steps, "  ").join("\n")}\n`;
}
