import { join } from "node:path";
import { FACTS, type Language } from "../../../author/index.ts";
import { ROOT } from "../../tests/files.ts";
import type { Narrator } from "../narrator.ts";
import { type Environment, machineWithCompilers, machineWithNodeOnly } from "./machine.ts";
import { type Shell, type Stage, stay, type } from "./stage.ts";

export interface Told {
  readonly language: Language;
  /** From the first command to the header. */
  readonly seconds: number;
}

/** What the first filter's header is, with the configuration that the demo gives it. */
const VALUE = "from a demo";

/**
 * AssemblyScript on a machine with Node alone: from `npm ci` of a fresh clone. Envoy is fetched too, as the person says yes to it.
 */
export async function playAssemblyScript(stage: Stage, narrator: Narrator): Promise<Told> {
  narrator.step("AssemblyScript, on a machine with Node only: no Python, no Envoy, no compiler, empty caches");
  const folder = join(stage.folder, "node-only");
  const env = await machineWithNodeOnly(folder);
  await type(`git clone --quiet ${ROOT} weir`, { cwd: folder, env, narrator });
  const began = performance.now();
  const clone = join(folder, "weir");
  await type("npm ci --no-audit --no-fund", { cwd: clone, env, narrator });
  const told = await playLanguage("assemblyscript", { cwd: folder, env: withWeir(env, clone), narrator }, stage);
  return { ...told, seconds: (performance.now() - began) / 1000 };
}

/** The other languages, with the compilers that this project's scripts install. */
export async function playOther(language: Language, stage: Stage, narrator: Narrator): Promise<Told> {
  narrator.step(FACTS[language].title);
  const env = withWeir(await machineWithCompilers(stage.folder), ROOT);
  return playLanguage(language, { cwd: stage.folder, env, narrator }, stage);
}

function withWeir(env: Environment, root: string): Environment {
  return { ...env, PATH: `${join(root, "bin")}:${env.PATH}` };
}

async function playLanguage(language: Language, shell: Shell, { registry }: Stage): Promise<Told> {
  const began = performance.now();
  const image = `${registry.host}/demo/${language}-filter:0.1`;
  await type(`weir init ${language}-filter --language ${language} --shape headers`, shell);
  const project = { ...shell, cwd: join(shell.cwd, `${language}-filter`) };
  if (language === "assemblyscript") await type("npm ci --no-audit --no-fund", project);
  await type(`weir build -t ${image}`, project);
  await type("weir test", project);
  shell.narrator.say(await type(`weir push ${image}`, project));
  // What runs is what the registry has: this machine forgets its own copy.
  await type(`weir rmi ${image}`, project);
  await stay(`weir run ${image} --config '${VALUE}' --yes`, project, async (url) => {
    const answer = await type(`curl -si ${url}`, project);
    const header = answer.split(/\r?\n/).find((line) => line.startsWith("x-hello:"));
    if (header !== `x-hello: ${VALUE}`) throw new Error(`the header is not there:\n${answer}`);
    shell.narrator.say(header);
  });
  return { language, seconds: (performance.now() - began) / 1000 };
}
