import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ok } from "../../model/result.ts";
import { tryCommand } from "../testing/command.ts";
import { createFakeTerminal } from "../testing/terminal.ts";
import { defineCommand } from "./command.ts";
import { asksForHelp } from "./parse.ts";

const { command, run } = tryCommand();

async function seen(argv: readonly string[], env: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const { result, seen: values } = await run(argv, env);
  assert.ok(result.ok, result.ok ? "" : result.error.message);
  return { ...(values ?? {}) };
}

async function message(argv: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { result } = await run(argv, env);
  assert.ok(!result.ok, "was accepted");
  assert.equal(result.error.reason, "Usage");
  return result.error.message;
}

describe("flags and arguments", () => {
  test("flags and arguments arrive by name, absent ones as their fallback", async () => {
    assert.deepEqual(
      { ...(await seen(["one", "-n", "me", "--label", "a=b", "--label=c=d", "-A"])) },
      {
        first: "one",
        second: undefined,
        name: "me",
        label: ["a=b", "c=d"],
        text: "",
        all: true,
        stats: true,
        output: undefined,
        mode: "slow",
      },
    );
  });

  test("the last argument may take all words that are left", async () => {
    let seen: readonly string[] = [];
    const many = defineCommand({
      ...{ name: "many", summary: "s", about: "a", flags: {}, examples: [] },
      args: { files: { value: "FILES", help: "files", multiple: true, optional: true } },
      async run({ args }) {
        seen = args.files;
        return ok(undefined);
      },
    });
    for (const words of [[], ["a"], ["a", "b", "c"]]) {
      assert.ok((await many.run(words, createFakeTerminal({}).terminal)).ok);
      assert.deepEqual(seen, words);
    }
    assert.equal((await many.run(["a", ""], createFakeTerminal({}).terminal)).ok, false);
  });

  test("a flag may take a value only behind =, or none", async () => {
    let seen: unknown;
    const bare = defineCommand({
      ...{ name: "bare", summary: "s", about: "a", examples: [] },
      args: { files: { value: "FILES", help: "files", optional: true, multiple: true } },
      flags: { envoy: { type: "string", bare: "", help: "h" }, yes: { type: "boolean", short: "y", help: "h" } },
      async run({ args, flags }) {
        seen = [flags.envoy, flags.yes, args.files];
        return ok(undefined);
      },
    });
    const rows: readonly (readonly [readonly string[], unknown])[] = [
      [[], [undefined, false, []]],
      [["--envoy"], ["", false, []]],
      [
        ["--envoy=1.40", "-y"],
        ["1.40", true, []],
      ],
      [
        ["--envoy", "1.40"],
        ["", false, ["1.40"]],
      ],
      [
        ["--envoy", "--yes"],
        ["", true, []],
      ],
    ];
    for (const [words, expected] of rows) {
      assert.ok((await bare.run(words, createFakeTerminal({}).terminal)).ok, words.join(" "));
      assert.deepEqual(seen, expected);
    }
  });

  test("flags may stand after arguments, and -- ends them", async () => {
    assert.equal((await seen(["one", "-A", "--", "--two"])).second, "--two");
    assert.equal((await seen(["one", "--", "-A"])).all, false);
  });

  test("values are taken in every spelling: --name value, --name=value, -n value, -nvalue, and combined short flags", async () => {
    for (const argv of [["--output", "json"], ["--output=json"], ["-o", "json"], ["-ojson"], ["-Ao", "json"], ["-Aojson"]]) {
      assert.equal((await seen(["x", ...argv])).output, "json", argv.join(" "));
    }
    assert.equal((await seen(["x", "-Aojson"])).all, true);
    assert.equal((await seen(["x", "--name=-1"])).name, "-1");
    assert.equal((await seen(["-"])).first, "-");
  });

  test("of a flag given twice the last one counts; --no- turns off what is on by default, and only that", async () => {
    assert.equal((await seen(["x", "-n", "a", "-n", "b"])).name, "b");
    assert.equal((await seen(["x", "--no-stats"])).stats, false);
    assert.equal((await seen(["x", "--no-stats", "--stats"])).stats, true);
    assert.equal(await message(["x", "--no-all"]), "unknown flag --no-all");
  });

  test("a variable stands in for an absent flag and loses to a given one; an empty one counts as unset", async () => {
    const name = async (argv: readonly string[], env: Record<string, string>) => (await seen(argv, env)).name;
    assert.equal(await name(["x"], { TRY_NAME: "env" }), "env");
    assert.equal(await name(["x", "--name", "flag"], { TRY_NAME: "env" }), "flag");
    assert.equal(await name(["x"], { TRY_NAME: "" }), "nobody");
    assert.equal((await seen(["x"], { TRY_STATS: "false" })).stats, false);
    assert.equal((await seen(["x", "--stats"], { TRY_STATS: "0" })).stats, true);
  });

  test("a flag whose fallback is empty takes an empty value", async () => {
    assert.equal((await seen(["a", "--text", ""])).text, "");
  });

  test("help is asked for anywhere before --, also among combined flags, and a value is not a question", () => {
    for (const argv of [["-h"], ["x", "--help"], ["--nope", "--help"], ["-Ah"], ["a", "b", "c", "-h"]]) {
      assert.ok(asksForHelp(command.flags, argv), argv.join(" "));
    }
    for (const argv of [["x"], ["--", "--help"], ["--name=-h"], ["x", "--no-help"]]) {
      assert.ok(!asksForHelp(command.flags, argv), argv.join(" "));
    }
  });
});

describe("wrong usage", () => {
  test("wrong usage is told in words that name the mistake", async () => {
    assert.equal(await message([]), "FIRST is missing: the first");
    assert.equal(await message(["a", "b", "c"]), 'unexpected argument "c"');
    assert.equal(await message(["a", "--nmae", "x"]), "unknown flag --nmae; did you mean --name?");
    assert.equal(await message(["a", "--zzzzzz"]), "unknown flag --zzzzzz");
    assert.equal(await message(["a", "-o", "yaml"]), '--output is json, not "yaml"');
    assert.equal(await message(["a", "--name"]), "--name needs a value (NAME)");
    assert.equal(await message(["a", "--all=yes"]), '--all takes no value, but "yes" is given');
    assert.equal(await message(["a", "--name="]), "--name needs a value (NAME)");
    assert.equal(await message([""]), "FIRST is empty: the first");
  });

  test("a flag is never taken for the value of another one", async () => {
    assert.equal(
      await message(["a", "--name", "--all"]),
      "--name needs a value (NAME); one that begins with a dash is written --name=--all",
    );
    assert.equal(await message(["a", "-n"]), "--name needs a value (NAME)");
  });

  test("the only values allowed are listed, and an unknown flag that is near one that is on by default finds it", async () => {
    assert.equal(await message(["a", "--mode", "slw"]), '--mode is slow, fast or both, not "slw"');
    assert.equal(await message(["a", "--no-stat"]), "unknown flag --no-stat; did you mean --no-stats?");
    assert.equal(await message(["a", "--hlep"]), "unknown flag --hlep; did you mean --help?");
    assert.equal(await message(["a", "-Az"]), "unknown flag -z");
  });

  test("a variable with a wrong value is named, not the flag that nobody gave", async () => {
    assert.equal(await message(["a"], { TRY_OUTPUT: "xml" }), '$TRY_OUTPUT is json, not "xml"');
    assert.equal(await message(["a"], { TRY_STATS: "maybe" }), '$TRY_STATS is true or false, not "maybe"');
  });

  test("what is required and absent is named with what it means", async () => {
    const strict = defineCommand({
      name: "strict",
      summary: "Be strict",
      about: "Needs things.",
      args: { shell: { value: "SHELL", help: "the shell", choices: ["bash", "zsh"] } },
      flags: { file: { type: "string", short: "f", required: true, multiple: true, value: "FILE", help: "a manifest" } },
      examples: [],
      run: async () => ok(undefined),
    });
    const said = async (argv: readonly string[]) => {
      const result = await strict.run(argv, createFakeTerminal().terminal);
      return result.ok ? "" : result.error.message;
    };
    assert.equal(await said(["bash"]), "-f is missing: a manifest");
    assert.equal(await said(["-f", "x"]), "SHELL is missing: the shell");
    assert.equal(await said(["-f", "x", "tcsh"]), 'SHELL is bash or zsh, not "tcsh"');
    assert.equal(await said(["-f", "x", "zsh"]), "");
  });
});
