import assert from "node:assert/strict";
import { test } from "node:test";
import { ok } from "../../model/result.ts";
import { fakeTerminal } from "../testing/terminal.ts";
import { defineCommand } from "./command.ts";
import { renderCommand } from "./help.ts";

function parse(argv: readonly string[], env: Record<string, string> = {}) {
  let seen: unknown;
  const command = defineCommand({
    name: "try",
    summary: "Try things",
    about: "Says what it was given.",
    args: { first: { value: "FIRST", help: "the first" }, second: { value: "SECOND", help: "the second", optional: true } },
    flags: {
      name: { type: "string", short: "n", value: "NAME", help: "a name", env: "TRY_NAME", fallback: "nobody" },
      label: { type: "string", multiple: true, value: "K=V", help: "labels" },
      text: { type: "string", value: "TEXT", help: "may be empty", fallback: "" },
      all: { type: "boolean", short: "A", help: "everything" },
      output: { type: "string", short: "o", value: "FORMAT", help: "the format", choices: ["json"] },
    },
    examples: [{ does: "nothing", command: "weir try x" }],
    async run(input) {
      seen = { ...input.flags, ...input.args };
      return ok(undefined);
    },
  });
  return { command, run: async () => ({ result: await command.run(argv, fakeTerminal({ env }).terminal), seen }) };
}

async function message(argv: readonly string[]): Promise<string> {
  const { result } = await parse(argv).run();
  assert.ok(!result.ok, "was accepted");
  assert.equal(result.error.reason, "Usage");
  return result.error.message;
}

test("flags and arguments arrive by name, absent ones as their fallback", async () => {
  const { seen } = await parse(["one", "-n", "me", "--label", "a=b", "--label=c=d", "-A"]).run();
  assert.deepEqual(
    { ...(seen as object) },
    { first: "one", second: undefined, name: "me", label: ["a=b", "c=d"], text: "", all: true, output: undefined },
  );
});

test("flags may stand after arguments, and -- ends them", async () => {
  const { seen } = await parse(["one", "-A", "--", "--two"]).run();
  assert.equal((seen as { second: string }).second, "--two");
});

test("a variable stands in for an absent flag and loses to a given one; an empty one counts as unset", async () => {
  const name = async (argv: readonly string[], env: Record<string, string>) =>
    ((await parse(argv, env).run()).seen as { name: string }).name;
  assert.equal(await name(["x"], { TRY_NAME: "env" }), "env");
  assert.equal(await name(["x", "--name", "flag"], { TRY_NAME: "env" }), "flag");
  assert.equal(await name(["x"], { TRY_NAME: "" }), "nobody");
});

test("wrong usage is told in words that name the mistake", async () => {
  assert.equal(await message([]), "FIRST is missing: the first");
  assert.equal(await message(["a", "b", "c"]), 'unexpected argument "c"');
  assert.equal(await message(["a", "--nmae", "x"]), "unknown option --nmae; did you mean --name?");
  assert.equal(await message(["a", "--zzzzzz"]), "unknown option --zzzzzz");
  assert.equal(await message(["a", "-o", "yaml"]), '--output is json, not "yaml"');
  assert.match(await message(["a", "--name"]), /option '-n, --name <value>' argument missing/);
  assert.match(await message(["a", "--all=yes"]), /does not take an argument/);
  assert.equal(await message(["a", "--name="]), "--name needs a value (NAME)");
  assert.equal(await message([""]), "FIRST is empty: the first");
});

test("a flag whose fallback is empty takes an empty value", async () => {
  const { result } = await parse(["a", "--text", ""]).run();
  assert.ok(result.ok);
});

test("help shows usage, arguments, flags with their defaults and variables, and examples", () => {
  assert.equal(renderCommand(parse([]).command), HELP);
});

test("no help line is wider than 100 columns", () => {
  for (const line of renderCommand(parse([]).command).split("\n")) assert.ok(line.length <= 100, line);
});

const HELP = `Try things.

Usage: weir try FIRST [SECOND] [FLAGS]

Says what it was given.

Arguments:
  FIRST   the first
  SECOND  the second

Flags:
  -n, --name NAME      a name (or $TRY_NAME; default nobody)
      --label K=V      labels (may be repeated)
      --text TEXT      may be empty
  -A, --all            everything
  -o, --output FORMAT  the format (json)

Examples:
  # nothing
  weir try x
`;
