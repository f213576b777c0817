import { type FSWatcher, watch } from "node:fs";
import { join, relative } from "node:path";
import { isSource, PROJECT_FILE, type Project, sourceFolders } from "../../author/index.ts";
import { hasCode, messageOf } from "../../base/error.ts";
import type { Terminal } from "../terminal.ts";
import type { Scope } from "./scope.ts";

/** Editors save in several steps: nothing more happened for this long, in milliseconds. */
const QUIET_MS = 15;

export interface SourceWatch {
  /** Takes on another project of the same folder: its sources may be others. */
  follow(project: Project): void;
  /** What changed, by path below the project's folder, since it was asked last. Waits for a change if there was none; gives nothing when the scope ends. */
  changes(): Promise<readonly string[]>;
  /** Called when something changed after `changes` resolved. */
  onChange(listener: () => void): void;
}

/** Watches the sources of a project, and its weir.yaml. A folder that cannot be watched is told on stderr, once. */
export async function watchSources(scope: Scope, first: Project, terminal: Pick<Terminal, "err">): Promise<SourceWatch> {
  let project = first;
  const watchers = new Map<string, FSWatcher>();
  const changed = new Set<string>();
  let isQuiet = false;
  let isToldUnwatched = false;
  const tellUnwatched = (folder: string, error: unknown) => {
    if (!isToldUnwatched)
      terminal.err(
        `${folder} cannot be watched, nor may others be (${messageOf(error)}); start weir dev again after a change there, or raise fs.inotify.max_user_watches\n`,
      );
    isToldUnwatched = true;
  };
  let wake = () => {};
  let tell = () => {};
  let timer: NodeJS.Timeout | undefined;

  const note = (path: string) => {
    if (path !== PROJECT_FILE && !isSource(project, path)) return;
    changed.add(path);
    isQuiet = false;
    tell();
    clearTimeout(timer);
    timer = setTimeout(() => {
      isQuiet = true;
      wake();
    }, QUIET_MS);
  };

  /** A folder that came, or went. */
  const look = async () => {
    const folders = new Set(await sourceFolders(project));
    for (const [folder, watcher] of watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      watchers.delete(folder);
    }
    for (const folder of folders) {
      if (watchers.has(folder) || scope.signal.aborted) continue;
      try {
        const watcher = watch(folder, (event, name) => {
          if (name !== null) note(relative(project.folder, join(folder, name)));
          if (event === "rename") void look();
        });
        watcher.on("error", () => watcher.close());
        watchers.set(folder, watcher);
      } catch (error) {
        if (!hasCode(error, "ENOENT")) tellUnwatched(folder, error);
      }
    }
  };
  await look();
  scope.defer(async () => {
    clearTimeout(timer);
    for (const watcher of watchers.values()) watcher.close();
  });
  return {
    follow(next) {
      project = next;
    },
    async changes() {
      const quiet = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (!isQuiet) await Promise.race([quiet, scope.stopped]);
      isQuiet = false;
      const all = [...changed].sort();
      changed.clear();
      return all;
    },
    onChange(listener) {
      tell = listener;
    },
  };
}
