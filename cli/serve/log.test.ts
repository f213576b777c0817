import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FORMATS, formatFor } from "./levels.ts";
import { createLog, type LogOptions } from "./log.ts";

const NOW = Date.parse("2026-01-02T03:04:05.678Z");

async function logTo(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = await createLog({ format: "json", level: "info", now: () => NOW, write: (line) => lines.push(line), ...options });
  return { log, lines, records: () => lines.map((line) => JSON.parse(line)) };
}

describe("JSON log lines", () => {
  test("a record has level, time, message and facts, and is one line", async () => {
    const { log, lines, records } = await logTo();
    log.warn("a client was refused", { peer: "127.0.0.1:1", message: "two\nlines" });
    assert.deepEqual(records(), [
      { level: "warn", time: "2026-01-02T03:04:05.678Z", peer: "127.0.0.1:1", message: "two\nlines", msg: "a client was refused" },
    ]);
    assert.match(lines[0] ?? "", /^\{.*\}\n$/);
  });

  test("lines that nobody reads do not pile up: how many were left out is told, and errors have room for longer", async () => {
    let waiting = 0;
    const { log, records } = await logTo({ unread: () => waiting });
    log.info("a");
    waiting = 9 * 1024 * 1024;
    for (let count = 0; count < 3; count++) log.warn("b");
    log.error("c");
    waiting = 17 * 1024 * 1024;
    log.error("d");
    waiting = 0;
    log.info("e");
    assert.deepEqual(
      records().map(({ msg, lines }) => (lines === undefined ? msg : lines)),
      ["a", "c", 4, "e"],
    );
  });

  test("what is below the level is not written", async () => {
    const { log, records } = await logTo({ level: "warn" });
    log.debug("a");
    log.info("b");
    log.warn("c");
    log.error("d");
    assert.deepEqual(
      records().map(({ msg }) => msg),
      ["c", "d"],
    );
  });

  test("the facts of a child are on each of its lines", async () => {
    const { log, records } = await logTo();
    const child = log.child({ filter: "shop/a" }).child({ rollout: "shop/a#4@x" });
    child.info("proved", { seconds: 1 });
    log.info("other");
    const [first, second] = records();
    assert.deepEqual([first.filter, first.rollout, first.seconds], ["shop/a", "shop/a#4@x", 1]);
    assert.equal(second.filter, undefined);
  });
});

describe("secrets in log lines", () => {
  test("values under the names of secrets are not written, however deep and from whatever child", async () => {
    const { log, lines } = await logTo();
    log
      .child({ token: "hunter2" })
      .info("a", { password: "hunter2", settings: { config: "hunter2" }, request: { headers: { Authorization: "hunter2" } } });
    assert.doesNotMatch(lines.join(""), /hunter2/);
    assert.match(lines.join(""), /"password":"\[redacted\]"/);
  });

  test("credentials inside a text are not written", async () => {
    const { log, lines } = await logTo();
    log.info("asked https://user:hunter2@registry.example/v2/ with Bearer hunter2.x-y", {
      error: new Error("Authorization: Basic aHVudGVyMg=="),
    });
    assert.doesNotMatch(lines.join(""), /hunter2|aHVudGVyMg/);
    assert.match(lines.join(""), /https:\/\/\[redacted\]@registry\.example\/v2\//);
  });
});

describe("text log lines", () => {
  test("a record is one line of time, level, message and facts", async () => {
    const { log, lines } = await logTo({ format: "text" });
    log.info("serving", { xds: "127.0.0.1:18000", note: "two words", count: 3 });
    assert.deepEqual(lines, ['2026-01-02T03:04:05.678Z INFO: serving xds=127.0.0.1:18000 note="two words" count=3\n']);
  });

  test("a screen gets colours", async () => {
    const { log, lines } = await logTo({ format: "text", color: true });
    log.error("no");
    assert.ok(lines[0]?.includes("\u001b[31mERROR\u001b[39m"));
  });

  test("what strangers wrote cannot act on the terminal or forge a line", async () => {
    const { log, lines } = await logTo({ format: "text" });
    log.warn("rejected: \u001b[2Jgone\n2026 ERROR: forged", { message: "a\u009b1mb\r\nc\u202ed", "k\u0007": 1 });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    assert.match(lines.join(""), /^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]*\n$/);
    assert.equal(lines.join("").split("\n").length, 2);
    assert.match(lines.join(""), /\\u001b\[2Jgone/);
  });

  test("a line stays bounded", async () => {
    const { log, lines } = await logTo({ format: "text" });
    log.info("x".repeat(10_000), { text: "y".repeat(10_000), list: Array.from({ length: 10_000 }, () => "z") });
    assert.ok((lines[0]?.length ?? 0) < 5_000);
  });
});

describe("the format of log lines", () => {
  test("is text on a screen and JSON otherwise, unless one is asked for", () => {
    assert.deepEqual(
      FORMATS.map((wanted) => [wanted, formatFor(wanted, true), formatFor(wanted, false)]),
      [
        ["auto", "text", "json"],
        ["text", "text", "text"],
        ["json", "json", "json"],
      ],
    );
  });
});
