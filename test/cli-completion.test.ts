import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createTempFolder } from "./support/temp-folder.ts";

/** Real shells with the scripts of `weir completion`: what stands on the line after the key was pressed. */
const ROOT = fileURLToPath(new URL("../", import.meta.url));
const DRIVE_ZSH = join(ROOT, "test/support/zsh-completion.zsh");
const SETUP_MS = 60_000;
/** A key that is pressed starts a Node: longest for one, on a machine that does much else. */
const PRESS_MS = 10_000;

let folder: { readonly path: string; remove(): Promise<void> };

before(async () => {
  folder = await createTempFolder("completion");
  mkdirSync(join(folder.path, "filters"));
  mkdirSync(join(folder.path, "my dir"));
  writeFileSync(join(folder.path, "a.yaml"), "");
  const manifest = (namespace: string, name: string) =>
    `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {image: "r/${name}:1"}\n`;
  writeFileSync(join(folder.path, "filters/all.yaml"), [manifest("shop", "add-header"), manifest("default", "limit")].join("---\n"));
});

after(() => folder?.remove());

/** One press of a key: all that could stand there (`every`), or what a single TAB makes of it (`one`). */
interface Case {
  readonly line: string;
  readonly press: "every" | "one";
  /** The words of the command afterwards. `every` may give the offered ones in any order. */
  readonly becomes: readonly string[];
}

const CASES: readonly Case[] = [
  { line: "weir ro", press: "every", becomes: ["rollback", "rollout"] },
  { line: "weir rollout ", press: "every", becomes: ["rollout", "abort", "pause", "promote", "resume"] },
  { line: "weir desc", press: "one", becomes: ["describe"] },
  { line: "weir get --all", press: "one", becomes: ["get", "--all-namespaces"] },
  { line: "weir get -o ", press: "one", becomes: ["get", "-o", "json"] },
  { line: "weir get --output=", press: "one", becomes: ["get", "--output=json"] },
  { line: "weir bootstrap --when-missing=o", press: "one", becomes: ["bootstrap", "--when-missing=open"] },
  { line: "weir completion ", press: "every", becomes: ["completion", "bash", "fish", "zsh"] },
  { line: "weir get --filters filters ", press: "every", becomes: ["get", "--filters", "filters", "limit", "shop/add-header"] },
  { line: "weir get --filters=filters sh", press: "one", becomes: ["get", "--filters=filters", "shop/add-header"] },
  {
    line: "weir delete --filters filters -n shop ad",
    press: "one",
    becomes: ["delete", "--filters", "filters", "-n", "shop", "add-header"],
  },
  { line: "weir get --filters filters -n ", press: "every", becomes: ["get", "--filters", "filters", "-n", "default", "shop"] },
  { line: "weir apply -f a", press: "one", becomes: ["apply", "-f", "a.yaml"] },
  { line: "weir apply --file=a", press: "one", becomes: ["apply", "--file=a.yaml"] },
  { line: "weir get --filters my", press: "one", becomes: ["get", "--filters", "my dir"] },
];

/** Runs a shell in the folder, with `weir` on its PATH and no fleet configured. */
function shell(command: string, args: readonly string[], { input, presses = 0 }: { input?: string; presses?: number } = {}): string {
  const env = { PATH: `${join(ROOT, "bin")}:${process.env.PATH}`, HOME: folder.path, TERM: "dumb", WEIR_SERVER: "http://127.0.0.1:1" };
  const done = spawnSync(command, args, {
    cwd: folder.path,
    env,
    encoding: "utf8",
    timeout: SETUP_MS + presses * PRESS_MS,
    ...(input === undefined ? {} : { input }),
  });
  assert.equal(done.error, undefined, `${command}: ${done.error?.message}`);
  return done.stdout;
}

function isInstalled(command: string): boolean {
  return spawnSync(command, ["--version"], { stdio: "ignore" }).status === 0;
}

/** `<get><-o><json>` as words; a folder's slash is the shell's own business. */
function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/<([^>]*)>/g)].map(([, word = ""]) => word.replace(/\/$/, ""));
}

function same(shellName: string, { line, press, becomes }: Case, words: readonly string[]): void {
  const order = (all: readonly string[]) => (press === "every" ? [...all].sort() : all);
  assert.deepEqual(order(words), order(becomes), `${shellName}: ${line}`);
}

/** Bash reads its lines with readline from a pipe too, so a key can be sent to it: TAB, or ESC * which inserts every match. */
function bash(cases: readonly Case[]): readonly string[] {
  const setup = [
    "source <(command weir completion bash)",
    `weir() { if [[ $1 == __complete ]]; then command weir "$@"; else printf '<%s>' "$@"; echo :END; fi; }`,
  ];
  const lines = cases.map(({ line, press }) => `${line}${press === "one" ? "\t" : "\u001b*"}`);
  const output = shell("bash", ["--norc", "--noprofile", "-i"], {
    input: `${[...setup, ...lines].join("\n")}\n`,
    presses: cases.length,
  });
  return [...output.matchAll(/^(<.*>):END$/gm)].map(([, line = ""]) => line);
}

function zsh(cases: readonly Case[]): readonly string[] {
  const lines = cases.map(({ line, press }) => `${line}${press === "one" ? "\t" : "\u0002"}`);
  return shell("zsh", ["-f", DRIVE_ZSH, "source <(command weir completion zsh)", ...lines], { presses: cases.length })
    .trimEnd()
    .split("\n");
}

/** Fish says itself what it would offer for a line; each candidate is a line, a tab before its description. */
function fish(line: string): readonly string[] {
  return shell("fish", ["-N", "-c", `weir completion fish | source; complete -C '${line}'`])
    .trimEnd()
    .split("\n")
    .map((each) => (each.split("\t", 1)[0] ?? "").replace(/\/$/, ""));
}

/** True when the shell is there; else the test is skipped by name, with what installs it. */
function has(t: TestContext, command: string): boolean {
  const found = isInstalled(command);
  if (!found) t.skip(`${command} is not installed; the package ${command} of the system has it`);
  return found;
}

describe("completion in real shells", () => {
  // Who presses TAB waits 1.5 s for names at most; Node compiles the code once, which is most of that on a busy machine.
  before(() => void shell("weir", ["__complete", "get", "--filters", "filters", ""]));

  test("bash completes commands, flags, values, names and paths", () => {
    const got = bash(CASES);
    assert.equal(got.length, CASES.length, got.join("\n"));
    for (const [index, each] of CASES.entries()) same("bash", each, wordsOf(got[index] ?? ""));
  });

  test("zsh completes commands, flags, values, names and paths", (t) => {
    if (!has(t, "zsh")) return;
    const got = zsh(CASES);
    assert.equal(got.length, CASES.length, got.join("\n"));
    for (const [index, each] of CASES.entries()) same("zsh", each, wordsOf(got[index] ?? ""));
  });

  test("fish completes commands, flags, values, names and paths", (t) => {
    if (!has(t, "fish")) return;
    for (const each of CASES) {
      // Fish gives the candidates alone; the words before the cursor stay as they are.
      const typed = each.line.split(" ").slice(1, -1);
      const offered = each.becomes.slice(typed.length);
      const got = fish(each.line);
      if (each.press === "one") assert.ok(got.includes(offered[0] ?? ""), `fish: ${each.line}: ${got.join(", ")}`);
      else same("fish", { ...each, becomes: offered }, got);
    }
  });

  test("the scripts parse in their own shells", (t) => {
    for (const [command, args] of [
      ["bash", ["-n"]],
      ["zsh", ["-n"]],
      ["fish", ["--no-execute"]],
    ] as const) {
      if (!isInstalled(command)) t.diagnostic(`${command} is not installed: its script was not parsed`);
      else assert.equal(spawnSync(command, [...args, join(ROOT, `cli/completion/weir.${command}`)]).status, 0, command);
    }
  });

  test("an unreachable cluster and a broken line keep the shell quiet", () => {
    const offers = (expected: RegExp, ...words: readonly string[]) => {
      const { status, stdout, stderr } = spawnSync(join(ROOT, "bin/weir"), ["__complete", ...words], {
        cwd: folder.path,
        encoding: "utf8",
        timeout: SETUP_MS,
        env: { PATH: process.env.PATH, HOME: folder.path },
      });
      assert.deepEqual([status, stderr], [0, ""], words.join(" "));
      assert.match(stdout, expected, words.join(" "));
    };
    const quiet = (...words: readonly string[]) => offers(/^$/, ...words);
    // A command, and no filter.
    const itself = /^wasmpolicies\t[^\n]*\n$/;
    offers(itself, "get", "");
    quiet("get", "--kubeconfig", "/nowhere", "");
    quiet("get", "--filters", "/nowhere", "");
    quiet("proxies", "--server", "nonsense", "");
    quiet("nope", "x");
  });
});
