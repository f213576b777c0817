import { parseArgs } from "node:util";
import { LANGUAGES, type Language } from "../author/index.ts";
import { whyNoRust } from "../test/support/projects.ts";
import { openStage, type Stage } from "./demo/author/stage.ts";
import { playAssemblyScript, playOther, type Told } from "./demo/author/story.ts";
import { createNarrator, type Narrator } from "./demo/narrator.ts";
import { ToolError } from "./tools/run.ts";

/**
 * `npm run demo:author [-- --language L]`: what wasme's demo shows, in each language: init, build, test, push to a real registry, run in a real Envoy, the header.
 * It prints what each took. Exit status 1 when one did not come to the header.
 */
async function play(stage: Stage, languages: readonly Language[], narrator: Narrator): Promise<void> {
  const told: Told[] = [];
  for (const language of languages) {
    const missing = language === "rust" ? await whyNoRust() : undefined;
    if (missing === undefined)
      told.push(await (language === "assemblyscript" ? playAssemblyScript(stage, narrator) : playOther(language, stage, narrator)));
    else narrator.say(`Rust is left out: ${missing}`);
  }
  narrator.step("The account");
  for (const { language, seconds } of told)
    narrator.say(`${language.padEnd(15)} ${seconds.toFixed(1)} s from ${startOf(language)} to the header`);
}

function startOf(language: Language): string {
  return language === "assemblyscript" ? "npm ci of a fresh clone" : "weir init";
}

const { values } = parseArgs({ options: { language: { type: "string", multiple: true, default: [...LANGUAGES] } } });
try {
  const narrator = createNarrator((line) => console.log(line));
  const stage = await openStage(narrator);
  try {
    await play(
      stage,
      LANGUAGES.filter((language) => values.language.includes(language)),
      narrator,
    );
  } finally {
    await stage.close();
  }
} catch (error) {
  if (!(error instanceof ToolError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
