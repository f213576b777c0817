import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SECTIONS } from "../commands/index.ts";
import { tryCommand } from "../testing/command.ts";
import { renderCommand, renderGroup, renderOverview, usageLine } from "./help.ts";

const { command } = tryCommand();
const commands = SECTIONS.flatMap((section) => section.commands);

describe("help", () => {
  test("help shows usage, arguments, flags with their defaults and variables, and examples", () => {
    assert.equal(renderCommand(command, 100), HELP);
  });

  test("no help line is wider than 100 columns", () => {
    for (const line of renderCommand(command, 250).split("\n")) assert.ok(line.length <= 100, line);
  });

  test("help of every command fits an 80-column screen, examples apart", () => {
    const pages = [renderOverview(SECTIONS, 80), renderGroup("rollout", commands, 80), ...commands.map((each) => renderCommand(each, 80))];
    for (const page of pages) {
      for (const line of page.replace(/\n(Examples|Begin).*/s, "").split("\n")) assert.ok(line.length <= 80, line);
    }
  });

  test("columns stay aligned on a narrow screen, where a long term has its help on the next line", () => {
    const narrow = renderCommand(command, 40);
    assert.match(narrow, /\n {2}-n, --name NAME\n {17}a name \(or/);
    assert.match(narrow, /\n {2}-A, --all {6}everything\n/);
  });

  test("usage shows required flags in full, with the short name where there is one", () => {
    const usages = new Map(commands.map((each) => [each.name, usageLine(each)]));
    assert.equal(usages.get("apply"), "weir apply -f FILE... [FLAGS]");
    assert.equal(usages.get("inject"), "weir inject -f FILE... --tls-ca FILE --proxy-image IMAGE [FLAGS]");
    assert.equal(usages.get("push"), "weir push [FILE] [REF] [FLAGS]");
    assert.equal(usages.get("rmi"), "weir rmi REF... [FLAGS]");
    assert.equal(usages.get("get"), "weir get [NAME] [FLAGS]");
  });
});

const HELP = `Try things.

Usage: weir try FIRST [SECOND] [FLAGS]

Says what it was given.

Arguments:
  FIRST   the first
  SECOND  the second

Flags:
  -n, --name NAME            a name (or $TRY_NAME; default nobody)
      --label K=V            labels (may be repeated)
      --text TEXT            may be empty
  -A, --all                  everything
      --no-stats             count nothing (or $TRY_STATS)
  -o, --output FORMAT        the format (json; or $TRY_OUTPUT)
      --mode slow|fast|both  how (default slow)
  -h, --help                 show this help

Examples:
  # nothing
  weir try x
`;
