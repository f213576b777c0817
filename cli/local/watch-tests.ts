import { type FSWatcher, watch } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { isSource, PROJECT_FILE, sourceFolders, type TestOutcome } from "../../author/index.ts";
import { oneLine } from "../../base/text.ts";
import { ok, type Result } from "../../model/result.ts";
import type { TestFlags } from "../commands/test.ts";
import type { Terminal } from "../terminal.ts";
import type { Scope } from "./scope.ts";
import { findSubject, type Subject } from "./subject.ts";
import { moduleOf, openEnvoys, testSubject } from "./test.ts";

/** Editors save in several steps: nothing more happened for this long, in milliseconds. */
const QUIET_MS = 50;
const TEST = /\.weir\.ya?ml$|\.test\.[cm]?[jt]s$/;

/** Runs the tests, and again whenever something that they read changes, until the scope ends. What goes wrong is told, and the next change tried. */
export async function watchTests(
  scope: Scope,
  flags: TestFlags,
  files: readonly string[],
  terminal: Terminal,
  report: (outcome: TestOutcome) => Promise<Result<void>>,
): Promise<Result<void>> {
  const envoys = flags.envoy === undefined ? ok(undefined) : await openEnvoys(scope, flags, terminal);
  if (!envoys.ok) return envoys;
  const first = await findSubject(flags.module, files[0]);
  if (!first.ok) return first;
  scope.ready();
  const changes = await startWatch(scope, first.value, [...files, ...(flags.module === undefined ? [] : [flags.module])]);
  // A change of tests alone needs no build.
  let built: Awaited<ReturnType<typeof moduleOf>> | undefined;
  while (!scope.signal.aborted) {
    const subject = await findSubject(flags.module, files[0]);
    const module = async () => {
      if (built === undefined || !built.ok) built = subject.ok ? await moduleOf(subject.value, flags, scope, terminal) : subject;
      return built;
    };
    const outcome = subject.ok ? await testSubject(scope, { flags, files, subject: subject.value, envoys: envoys.value, module }) : subject;
    if (scope.signal.aborted) break;
    if (outcome.ok) {
      const reported = await report(outcome.value);
      if (!reported.ok) return reported;
    } else terminal.err(`error: ${oneLine(outcome.error.message)}\n`);
    terminal.err("waiting for a change\n");
    const changed = await changes();
    if (changed.length > 0) terminal.err(`\n${changed.map(oneLine).join(", ")} changed\n`);
    if (!changed.every((path) => TEST.test(path))) built = undefined;
  }
  return ok(undefined);
}

/** Watches the sources and tests of a project, and the files that are named. Gives what changed since it was asked last, when there is something. */
async function startWatch(scope: Scope, { project }: Subject, named: readonly string[]): Promise<() => Promise<readonly string[]>> {
  const paths = new Set(named.map((path) => resolve(path)));
  const folders = new Set([...(project === undefined ? [] : await sourceFolders(project)), ...[...paths].map(dirname)]);
  const isOurs = (path: string) => {
    if (paths.has(path)) return true;
    if (project === undefined) return false;
    const below = relative(project.folder, path);
    return below === PROJECT_FILE || TEST.test(below) || isSource(project, below);
  };
  const changed = new Set<string>();
  let wake = () => {};
  let timer: NodeJS.Timeout | undefined;
  const watchers: FSWatcher[] = [];
  for (const folder of folders) {
    const watcher = watch(folder, (_, name) => {
      if (name === null || !isOurs(join(folder, name))) return;
      changed.add(relative(process.cwd(), join(folder, name)));
      clearTimeout(timer);
      timer = setTimeout(() => {
        timer = undefined;
        wake();
      }, QUIET_MS);
    });
    watcher.on("error", () => watcher.close());
    watchers.push(watcher);
  }
  scope.defer(async () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  });
  return async () => {
    const quiet = new Promise<void>((done) => {
      wake = done;
    });
    if (changed.size === 0 || timer !== undefined) await Promise.race([quiet, scope.stopped]);
    const all = [...changed].sort();
    changed.clear();
    return all;
  };
}
