import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { takesColor } from "./terminal.ts";
import { runWeir } from "./testing/weir.ts";

/** One thing that people expect of a command line, as POSIX, GNU and commander do it. `EMPTY` in `argv` is a folder without manifests. */
interface Row {
  readonly expect: string;
  readonly argv: readonly string[];
  readonly env?: Record<string, string>;
  readonly columns?: number;
  readonly status: 0 | 1 | 2;
  /** Absent: nothing on stdout. */
  readonly out?: RegExp;
  /** Absent: nothing on stderr. */
  readonly err?: RegExp;
}

const HELP: readonly Row[] = [
  { expect: "no command: help on stderr, a mistake", argv: [], status: 2, err: /^weir puts .*Usage: weir COMMAND/s },
  { expect: "--help: help on stdout", argv: ["--help"], status: 0, out: /Usage: weir COMMAND/ },
  { expect: "-h", argv: ["-h"], status: 0, out: /Usage: weir COMMAND/ },
  { expect: "help", argv: ["help"], status: 0, out: /Usage: weir COMMAND/ },
  { expect: "help COMMAND", argv: ["help", "get"], status: 0, out: /Usage: weir get \[NAME\] \[FLAGS\]/ },
  { expect: "help COMMAND below another", argv: ["help", "get", "wasmpolicies"], status: 0, out: /Usage: weir get wasmpolicies \[NAME\]/ },
  { expect: "a short name of a kind", argv: ["describe", "wpol", "-h"], status: 0, out: /Usage: weir describe wasmpolicy NAME/ },
  { expect: "COMMAND --help", argv: ["get", "--help"], status: 0, out: /Usage: weir get/ },
  { expect: "--help COMMAND", argv: ["--help", "get"], status: 0, out: /Usage: weir get/ },
  { expect: "help GROUP COMMAND", argv: ["help", "rollout", "pause"], status: 0, out: /Usage: weir rollout pause NAME/ },
  { expect: "help GROUP lists its commands", argv: ["help", "rollout"], status: 0, out: /\n {2}rollout pause {4}Pause/ },
  { expect: "-h behind arguments and mistakes", argv: ["get", "a", "b", "--nope", "-h"], status: 0, out: /Usage: weir get/ },
  { expect: "-h among combined flags", argv: ["get", "-Ah"], status: 0, out: /Usage: weir get/ },
  { expect: "-h behind -- is an argument", argv: ["completion", "--", "-h"], status: 2, err: /SHELL is bash, zsh or fish, not "-h"/ },
  { expect: "help on what there is not", argv: ["help", "gte"], status: 2, err: /^error: unknown command "gte"; did you mean get\?/ },
  { expect: "--version", argv: ["--version"], status: 0, out: /^weir \d+\.\d+\.\d+ / },
  { expect: "-V", argv: ["-V"], status: 0, out: /^weir \d/ },
  { expect: "defaults, choices and variables are in the help", argv: ["serve", "-h"], status: 0, out: /\$WEIR_DATA; default \.weir\/data/ },
  { expect: "examples are in the help", argv: ["get", "-h"], status: 0, out: /Examples:\n {2}# .*\n {2}weir get\n/ },
  {
    expect: "help is wrapped to the screen, columns kept",
    argv: ["list", "-h"],
    columns: 60,
    status: 0,
    out: /\n {2}-o, --output FORMAT {3}print JSON instead of text \(json\)\n/,
  },
];

const MISTAKES: readonly Row[] = [
  {
    expect: "unknown command, with the nearest",
    argv: ["appyl"],
    status: 2,
    err: /^error: unknown command "appyl"; did you mean apply\?\n/,
  },
  { expect: "unknown command, none near", argv: ["xyzzy"], status: 2, err: /^error: unknown command "xyzzy"\nhint: see `weir --help`\n$/ },
  {
    expect: "unknown command of a group",
    argv: ["rollout", "paus"],
    status: 2,
    err: /"rollout paus"; did you mean pause\?\nhint: .*rollout --help/,
  },
  { expect: "a group alone", argv: ["rollout"], status: 2, err: /say what to do: pause, resume, promote, abort/ },
  {
    expect: "unknown flag, with the nearest",
    argv: ["get", "--otput"],
    status: 2,
    err: /unknown flag --otput; did you mean --output\?\nhint: .*get --help/,
  },
  { expect: "unknown short flag", argv: ["get", "-x"], status: 2, err: /unknown flag -x\n/ },
  { expect: "unknown flag with a value", argv: ["get", "--otput=json"], status: 2, err: /unknown flag --otput; did you mean --output\?/ },
  { expect: "missing argument", argv: ["describe"], status: 2, err: /^error: NAME is missing: the filter/ },
  { expect: "excess argument", argv: ["get", "a", "b"], status: 2, err: /unexpected argument "b"/ },
  { expect: "flag without its value", argv: ["get", "-o"], status: 2, err: /--output needs a value \(FORMAT\)/ },
  { expect: "flag with an empty value", argv: ["get", "--server="], status: 2, err: /--server needs a value \(URL\)/ },
  {
    expect: "a flag in the place of a value",
    argv: ["get", "-o", "-A"],
    status: 2,
    err: /--output needs a value .*; one that begins with a dash is written --output=-A/,
  },
  { expect: "boolean flag with a value", argv: ["get", "-A", "--all-namespaces=yes"], status: 2, err: /--all-namespaces takes no value/ },
  { expect: "value that is no choice", argv: ["get", "-o", "xml"], status: 2, err: /--output is json, not "xml"/ },
  { expect: "argument that is no choice", argv: ["completion", "tcsh"], status: 2, err: /SHELL is bash, zsh or fish, not "tcsh"/ },
  { expect: "required flag missing", argv: ["bootstrap"], status: 2, err: /--node is missing: the proxy's name/ },
  {
    expect: "--no- of a flag that is off by default",
    argv: ["get", "--no-all-namespaces"],
    status: 2,
    err: /unknown flag --no-all-namespaces/,
  },
  { expect: "flags before the command", argv: ["-A", "get"], status: 2, err: /the command comes first/ },
  { expect: "what fails is status 1", argv: ["get", "x", "--filters", "EMPTY"], status: 1, err: /^error: no manifest in .*\n$/ },
];

const SPELLINGS: readonly Row[] = [
  { expect: "--flag value", argv: ["version", "--output", "json"], status: 0, out: /^\{/ },
  { expect: "--flag=value", argv: ["version", "--output=json"], status: 0, out: /^\{/ },
  { expect: "-f value", argv: ["version", "-o", "json"], status: 0, out: /^\{/ },
  { expect: "-fvalue", argv: ["version", "-ojson"], status: 0, out: /^\{/ },
  {
    expect: "combined short flags, the last with a value",
    argv: ["get", "-Ao", "json", "--filters", "EMPTY"],
    status: 0,
    out: /"kind": "List"/,
    err: /^note: /,
  },
  { expect: "flags behind arguments", argv: ["bootstrap", "--node", "a"], status: 0, out: /stats_sinks/ },
  { expect: "--no-flag", argv: ["bootstrap", "--node", "a", "--no-stats"], status: 0, out: /^(?!.*stats_sinks)/s },
  { expect: "the last of two counts", argv: ["bootstrap", "--node", "a", "--node", "b"], status: 0, out: /id: "?b"?\b/ },
  {
    expect: "a repeatable flag gathers",
    argv: ["bootstrap", "--node", "a", "--slot", "x", "--slot", "y"],
    status: 0,
    out: /weir\/x.*weir\/y/s,
  },
  { expect: "a variable stands in", argv: ["proxies"], env: { WEIR_SERVER: "nonsense" }, status: 2, err: /not "nonsense"/ },
  {
    expect: "a flag beats its variable",
    argv: ["proxies", "--server", "other"],
    env: { WEIR_SERVER: "nonsense" },
    status: 2,
    err: /not "other"/,
  },
];

let empty: string;

before(() => {
  empty = mkdtempSync(join(tmpdir(), "weir-empty-"));
});

after(() => rmSync(empty, { recursive: true }));

async function check({ expect, argv, env = {}, columns = 100, status, out, err }: Row): Promise<void> {
  const words = argv.map((word) => (word === "EMPTY" ? empty : word));
  const written = await runWeir(empty, words, { env, columns });
  assert.equal(written.status, status, `${expect}: ${written.err}`);
  for (const [text, wanted] of [
    [written.out, out],
    [written.err, err],
  ] as const) {
    if (wanted === undefined) assert.equal(text, "", expect);
    else assert.match(text, wanted, expect);
  }
}

describe("the command line", () => {
  for (const [subject, rows] of Object.entries({ help: HELP, mistakes: MISTAKES, spellings: SPELLINGS })) {
    test(`${subject} are as people expect them: ${rows.length} cases`, async () => {
      for (const row of rows) await check(row);
    });
  }

  test("colours appear on a screen only, and the variables of the field decide otherwise", () => {
    assert.ok(takesColor({}, true));
    assert.ok(!takesColor({}, false));
    assert.ok(!takesColor({ TERM: "dumb" }, true));
    assert.ok(!takesColor({ NO_COLOR: "1", FORCE_COLOR: "1" }, true));
    assert.ok(takesColor({ FORCE_COLOR: "1" }, false));
    assert.ok(!takesColor({ FORCE_COLOR: "0" }, true));
  });
});
