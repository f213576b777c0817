import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digest, NOW, revision, rolling } from "../testing/fixtures.ts";
import { history, renderHistory } from "./history.ts";

const changed = (revisions: Parameters<typeof history>[1]) => history(rolling, revisions).map((entry) => entry.changed);

describe("what changed from revision to revision", () => {
  test("without records only the digest can be compared", () => {
    assert.deepEqual(changed([]), [
      ["digest 3f2a9c01d2e4 -> aaaa11112222"],
      ["digest bbbb33334444 -> 3f2a9c01d2e4"],
      ["digest 3f2a9c01d2e4 -> bbbb33334444"],
      [],
    ]);
  });

  test("with records every difference that reaches the proxy is named", () => {
    const [last] = changed([
      revision(3, "3f2a9c01d2e4", { config: "", slot: "default", env: [] }),
      revision(4, "aaaa11112222", { config: '{"a":1}', slot: "edge", env: [{ name: "A", value: "b" }], capabilities: ["proxy_log"] }),
    ]);
    assert.deepEqual(last, [
      "digest 3f2a9c01d2e4 -> aaaa11112222",
      "slot default -> edge",
      'config none -> {"a":1}',
      "env",
      "capabilities",
    ]);
  });

  test("a Secret's text that changed is named by its Secret, never shown", () => {
    const secretConfig = { name: "s", key: "k" };
    const before = { ...revision(3, "aaaa11112222"), secretConfig, hash: "one" };
    const after = { ...revision(4, "aaaa11112222"), secretConfig, hash: "two" };
    const items = (rolling.status?.history ?? []).map((item) => ({ ...item, digest: digest("aaaa11112222") }));
    const filter = { ...rolling, status: { ...rolling.status, history: items } };
    assert.deepEqual(history(filter, [before, after])[0]?.changed, ["config in Secret s (k)"]);
  });

  test("a long config is cut", () => {
    const [last] = changed([revision(3, "3f2a9c01d2e4"), revision(4, "aaaa11112222", { config: "x".repeat(500) })]);
    assert.ok(last?.every((text) => text.length < 120));
  });

  test("configs that differ behind the cut, and one that moved into a Secret, are told too", () => {
    const long = (end: string) => ({ config: "x".repeat(500) + end });
    assert.deepEqual(changed([revision(3, "3f2a9c01d2e4", long("a")), revision(4, "aaaa11112222", long("b"))])[0]?.slice(1), ["config"]);
    const moved = { ...revision(4, "aaaa11112222"), secretConfig: { name: "s", key: "k" } };
    assert.deepEqual(changed([revision(3, "3f2a9c01d2e4"), moved])[0]?.slice(1), ["config none -> Secret s (k)"]);
  });
});

describe("who made a revision, and why", () => {
  const authors = [
    undefined,
    { generation: 5, cause: "by hand" },
    { generation: 5 },
    { generation: 7, manager: "argocd", cause: "x".repeat(400) },
  ];
  const records = authors.map((author, index) => ({ ...revision(index + 1, "aaaa11112222"), ...(author && { author }) }));
  const entries = history(rolling, records);

  test("JSON has it as the record tells it, and nothing where it tells nothing", () => {
    assert.deepEqual(
      entries.map(({ author }) => author),
      [...authors].reverse(),
    );
    assert.ok(!("author" in (entries[3] ?? {})));
    assert.ok(history(rolling, []).every((entry) => !("author" in entry)));
  });

  test("the table has the manager and the cut cause, and says when the spec was not changed", () => {
    const lines = renderHistory(entries, { now: NOW, current: 3 });
    assert.match(lines[0] ?? "", / IMAGE +BY +CHANGED$/);
    for (const [at, by] of [/ argocd "x{47}…" /, / itself /, / "by hand" /, / - +-$/].entries()) assert.match(lines[at + 1] ?? "", by);
  });

  test("a cause cannot act on a terminal or make a row of its own", () => {
    const author = { generation: 7, manager: "a\nb", cause: "c\u001b[31m\nd" };
    const lines = renderHistory(history(rolling, [{ ...revision(4, "aaaa11112222"), author }]), { now: NOW, current: 3 });
    assert.equal(lines.length, 5);
    assert.match(lines[1] ?? "", / a b "c\\u001b\[31m d" /);
  });
});
