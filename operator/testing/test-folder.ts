import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { systemClock } from "../../model/clock.ts";
import type { Digest } from "../../model/digest.ts";
import type { Revision } from "../../model/revision.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { createFolderSource, type FolderSourceOptions } from "../source/folder/folder.ts";
import type { Source } from "../source/source.ts";
import { createProblemLog } from "./problem-log.ts";

export const KEY = { namespace: "default", name: "a" };
export const DIGEST: Digest = `sha256:${"ab".repeat(32)}`;

export const filter = (name: string, image = "a/b:1", more = "") => `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: ${name}}
spec:
  image: ${image}
${more}`;

export const secret = (name: string, key: string, value: string) => `apiVersion: v1
kind: Secret
metadata: {name: ${name}}
stringData: {${key}: ${value}}
`;

export interface TestFolder {
  readonly dir: string;
  readonly dataDir: string;
  readonly source: Source;
  write(name: string, text: string): Promise<void>;
  restart(): Promise<Source>;
  /** Ids of filters and references told as changed so far. */
  readonly told: string[];
  /** File or folder -> what the log says is wrong with it. */
  readonly problems: ReadonlyMap<string, string>;
}

/** A folder source on a real folder, gone when the test is. */
export async function openTestFolder(
  t: TestContext,
  manifests: Record<string, string> = {},
  options: Partial<FolderSourceOptions> = {},
): Promise<TestFolder> {
  const root = await mkdtemp(join(tmpdir(), "weir-folder-"));
  const dir = join(root, "filters");
  const dataDir = join(root, "data");
  await mkdir(dir);
  const write = (name: string, text: string) => writeFile(join(dir, name), text);
  for (const [name, text] of Object.entries(manifests)) await write(name, text);
  const told: string[] = [];
  const log = createProblemLog(options.log);
  const open = async () => {
    const source = createFolderSource({ dir, dataDir, clock: systemClock, settleMs: 30, pollMs: 200, ...options, log });
    source.onChange(({ filters, references }) => told.push(...filters, ...references));
    await source.start();
    return source;
  };
  let source = await open();
  t.after(async () => {
    await source.stop();
    await rm(root, { recursive: true, force: true });
  });
  return {
    dir,
    dataDir,
    told,
    problems: log.problems,
    write,
    get source() {
      return source;
    },
    async restart() {
      await source.stop();
      log.problems.clear();
      source = await open();
      return source;
    },
  };
}

/** Waits until `condition` holds, at most 10 s. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) assert.fail(`waited 10 s for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const image = (source: Source, id = "default/a") => source.filters().get(id)?.spec.image;

export const revision = (number: number, more: Partial<Revision> = {}): Revision => ({
  number,
  image: "a/b:1",
  digest: DIGEST,
  wasmDigest: DIGEST,
  settings: {
    ...DEFAULT_SETTINGS,
    config: "text",
  },
  capabilities: ["proxy_log"],
  hash: `hash-${number}`,
  time: "2026-01-01T00:00:00Z",
  ...more,
});
