import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerName } from "./processes.ts";
import { type Column, milliseconds, tableHead, tableRows } from "./table.ts";

test("a group of rows has the medians of each server, and Weir's ratio to the better one", () => {
  const columns: readonly Column<{ server: ServerName; last: number }>[] = [{ title: "last", of: ({ last }) => last, text: milliseconds }];
  const runs = [
    { server: "linear", last: 20 },
    { server: "weir", last: 8 },
    { server: "weir", last: 30 },
    { server: "weir", last: 9 },
    { server: "snapshot", last: 40 },
  ] as const;
  assert.equal(
    `${tableHead(["what", ""], columns)}\n${tableRows("64 KB", runs, columns)}`,
    [
      "| what |  | last |",
      "|---|---|---|",
      "| 64 KB | Weir | 9.0 ms |",
      "|  | SnapshotCache | 40 ms |",
      "|  | LinearCache | 20 ms |",
      "|  | Weir / the better | 0.45 |",
    ].join("\n"),
  );
});
