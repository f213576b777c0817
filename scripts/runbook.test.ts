import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "../cli/args/parse.ts";
import { SECTIONS } from "../cli/commands/index.ts";
import { readAlerts, readDashboardQueries } from "../test/support/alerts.ts";
import { ROOT } from "./tests/files.ts";

const PAGE = "https://github.com/weir-dev/weir/blob/main/docs/runbook.md";
const PARTS = ["What it means.", "What users feel.", "Look.", "Mend."];

const read = (path: string) => readFile(join(ROOT, path), "utf8");

/** The entries of the page, by their heading. */
async function entries(): Promise<ReadonlyMap<string, string>> {
  const sections = (await read("docs/runbook.md")).split(/^## /m).slice(1);
  return new Map(sections.map((text) => [text.slice(0, text.indexOf("\n")), text]));
}

/** Commands in blocks and in code spans: the words after `weir`. */
function commandsOf(text: string): readonly string[] {
  return [...text.matchAll(/(?:`|^ {4})weir ([a-z][^`\n]*)/gm)].map(([, words = ""]) => words);
}

describe("docs/runbook.md", () => {
  test("there is an entry for each alert, in the same order, and the alert leads to it", async () => {
    const alerts = await readAlerts();
    assert.ok(alerts.length > 20);
    assert.deepEqual(
      [...(await entries()).keys()],
      alerts.map(({ alert }) => alert),
    );
    for (const { alert, labels, annotations } of alerts) {
      assert.ok(["critical", "warning", "info"].includes(labels.severity ?? ""), alert);
      assert.ok(annotations.summary && annotations.description, alert);
      assert.equal(annotations.runbook_url, `${PAGE}#${alert.toLowerCase()}`);
    }
  });

  test("each entry says what it means, what users feel, how to look and how to mend", async () => {
    for (const [name, text] of await entries()) {
      const parts = [...text.matchAll(/^\*\*([^*]+)\*\*(.*)$/gm)];
      assert.deepEqual(
        parts.map(([, part]) => part),
        PARTS,
        name,
      );
      for (const [, part, words = ""] of parts) assert.ok(part === "Look." || words.length > 20, `${name}: ${part}`);
      assert.match(text, /\*\*Look\.\*\*\n\n {4}\S/, name);
    }
  });

  test("its weir commands are commands that there are", async () => {
    const commands = SECTIONS.flatMap((section) => section.commands);
    const text = await read("docs/runbook.md");
    const found = commandsOf(text);
    assert.ok(found.length > 20);
    for (const words of found) {
      const argv = words.split(" ").filter((word) => word !== "");
      const command = commands.find(({ name }) => words === name || words.startsWith(`${name} `));
      assert.ok(command, `weir ${words}`);
      const own = argv.slice(command.name.split(" ").length);
      // The bare name of a command in a sentence is no call of it.
      if (own.length === 0) continue;
      const parsed = parse(command, own, {});
      assert.ok(parsed.ok, `weir ${words}: ${parsed.ok ? "" : parsed.error.message}`);
    }
    assert.deepEqual(commandsOf("a `weir get -A`, a `weir-system`\n    weir check\n"), ["get -A", "check"]);
  });

  test("what it looks for in the log is what the log says", async () => {
    const sought = [...new Set([...(await read("docs/runbook.md")).matchAll(/grep '([^']+)'/g)].map(([, words = ""]) => words))];
    assert.ok(sought.length > 5);
    const missing = new Set(sought);
    for await (const file of glob("{cluster,operator,xds,preflight,cli}/**/*.ts", { cwd: ROOT, exclude: ["**/gen/**", "**/*.test.ts"] })) {
      const source = await read(file);
      for (const words of missing) if (source.includes(words)) missing.delete(words);
    }
    assert.deepEqual([...missing], []);
  });
});

test("alerts and the dashboard ask for metrics of docs/metrics.md, by labels that they have", async () => {
  const page = await read("docs/metrics.md");
  const known = new Map(
    [...page.matchAll(/^\| `(\w+)` \| (\w+) \|([^|]*)\|/gm)].map(([, name = "", kind, labels = ""]) => [
      name,
      { kind, labels: new Set(["instance", ...[...labels.matchAll(/\w+/g)].map(([label]) => label)]) },
    ]),
  );
  const queries = [...(await readAlerts()).map(({ expr }) => expr), ...(await readDashboardQueries())];
  assert.ok(queries.length > 50);
  for (const query of queries) {
    for (const [, asked = "", filters = ""] of query.matchAll(/\b(weir_\w+)(?:\{([^}]*)\})?/g)) {
      const name = known.has(asked) ? asked : asked.replace(/_(?:bucket|count|sum)$/, "");
      const metric = known.get(name);
      assert.ok(metric && (name === asked || metric.kind === "histogram"), `${asked} in ${query}`);
      for (const [, label = ""] of filters.matchAll(/(\w+)[!=]~?"/g))
        assert.ok(metric.labels.has(label), `${label} of ${asked} in ${query}`);
    }
  }
});
