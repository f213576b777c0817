import { cp, mkdir, readdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { cached } from "../../../base/cache-folder.ts";
import { ROOT } from "../../../scripts/tests/files.ts";
import { run, runOk } from "../../../scripts/tools/run.ts";
import type { Layout } from "./images.ts";

/** The last commit before replicas handed each other modules and texts: its `weir.v1` knows neither. */
const COMMIT = "ad257505";

/** Weir as it was at an earlier commit: its image, and the folder of its chart. */
export interface Earlier {
  readonly image: Layout;
  readonly chart: string;
}

/** Why there is none, for a test to be skipped by; `undefined`: there is. */
export async function lacksForEarlier(): Promise<string | undefined> {
  const known = await run("git", ["cat-file", "-e", `${COMMIT}^{commit}`], { cwd: ROOT }).catch(() => undefined);
  return known?.code === 0 ? undefined : `needs the project's history back to ${COMMIT}`;
}

/** Makes it from the sources of that commit, with what is installed for those of now; once on a machine. */
export async function earlierWeir(): Promise<Earlier> {
  const folder = await cached(`earlier-${COMMIT}`, async (draft) => {
    const source = join(draft, "source");
    await mkdir(source);
    await runOk("git", ["archive", "--output", join(draft, "source.tar"), COMMIT], { cwd: ROOT });
    await runOk("tar", ["-xf", join(draft, "source.tar"), "-C", source]);
    await installInto(join(source, "node_modules"));
    const from = (path: string) => JSON.stringify(pathToFileURL(join(source, path)).href);
    const program = `
      const { IMAGES } = await import(${from("scripts/image/images.ts")});
      const { writeImage } = await import(${from("scripts/image/oci.ts")});
      await writeImage(await IMAGES.weir(() => {}), ${JSON.stringify(join(draft, "image"))}, "zstd", 1);`;
    await runOk(process.execPath, ["--input-type=module", "-e", program], { cwd: source });
    await rename(join(source, "charts"), join(draft, "charts"));
    await rm(source, { recursive: true });
    await rm(join(draft, "source.tar"));
  });
  return { image: { folder: join(folder, "image"), reference: `localhost/weir-earlier:${COMMIT}` }, chart: join(folder, "charts/weir") };
}

/** What is installed here: Node as files, since it is looked for by a pattern that follows no links, and the rest as links. */
async function installInto(folder: string): Promise<void> {
  await mkdir(folder);
  const installed = join(ROOT, "node_modules");
  for (const name of await readdir(installed)) {
    if (/^node(-linux-.*)?$/.test(name)) await cp(join(installed, name), join(folder, name), { recursive: true });
    else await symlink(join(installed, name), join(folder, name));
  }
}
