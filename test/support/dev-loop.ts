import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { median } from "../../bench/processes.ts";
import { installEnvoy } from "../../scripts/tools/envoy.ts";
import { outsideNpm, runOk } from "../../scripts/tools/run.ts";

import { startProcess } from "./process.ts";
import { createTempFolder } from "./temp-folder.ts";

const WEIR = fileURLToPath(new URL("../../bin/weir", import.meta.url));

export type DevLanguage = "assemblyscript" | "go";

/** A project as `weir init` makes it, with what it needs from npm, in a new folder. */
export async function createProject(language: DevLanguage, parent: string): Promise<{ readonly folder: string; readonly source: string }> {
  const folder = join(parent, `hello-${language}`);
  await runOk(WEIR, ["init", folder, "--language", language, "--shape", "headers"]);
  if (language === "assemblyscript") await runOk("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder, env: outsideNpm() });
  return { folder, source: join(folder, language === "go" ? "main.go" : "assembly/filter.ts") };
}

/** One save: what it took until the new header came, and what `weir dev` says of it. Milliseconds. */
export interface Save {
  readonly ms: number;
  readonly builtMs: number;
}

/** Saves a source so often, each time with another header, and measures how long that header takes to come. */
export async function measureDevLoop(language: DevLanguage, saves: number): Promise<readonly Save[]> {
  const temporary = await createTempFolder("dev-loop");
  const { folder, source } = await createProject(language, temporary.path);
  const text = await readFile(source, "utf8");
  const dev = await startProcess(WEIR, ["dev", folder], { name: "weir dev", env: { ENVOY: await installEnvoy(), TMPDIR: temporary.path } });
  try {
    const url = await dev.waitFor("its curl command", (logs) => /curl -i (http:\S+)/.exec(logs)?.[1], 180_000);
    const measured: Save[] = [];
    for (let save = 1; save <= saves; save++) {
      await sleep(200); // as one who looks before they save again
      const header = `x-save-${save}`;
      const begun = performance.now();
      await writeFile(source, text.replaceAll('"x-hello"', `"${header}"`));
      while ((await fetch(url)).headers.get(header) === null) {
        if (performance.now() - begun > 120_000) throw new Error(`${header} did not come\n${dev.logs().slice(-4_000)}`);
        await sleep(5);
      }
      const ms = performance.now() - begun;
      const told = await dev.waitFor(
        `save ${save}`,
        (logs) => [...logs.matchAll(/ reloaded .*, built in ([\d.]+) (ms|s),/g)][save - 1],
        30_000,
      );
      measured.push({ ms, builtMs: Number(told[1]) * (told[2] === "s" ? 1_000 : 1) });
    }
    return measured;
  } finally {
    await dev.stop();
    await temporary.remove();
  }
}

export function summarizeSaves(language: DevLanguage, saves: readonly Save[]): string {
  const times = saves.map(({ ms }) => ms);
  const [all, built] = [median(times), median(saves.map(({ builtMs }) => builtMs))];
  const range = `${Math.min(...times).toFixed(0)}-${Math.max(...times).toFixed(0)}`;
  return `${language}: a saved file to the new header in Envoy, median of ${saves.length} saves ${all.toFixed(0)} ms (${range}), of which the build ${built.toFixed(0)} ms`;
}
