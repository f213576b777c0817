import assert from "node:assert/strict";
import { test } from "node:test";
import { readNotification } from "./notifications.ts";

const read = (...events: unknown[]) => [...(readNotification(JSON.stringify({ events })) ?? [])];
const event = (action: string, repository: unknown) => ({
  id: "1",
  action,
  target: { repository, tag: "1.2", digest: "sha256:00" },
  request: { host: "r.example" },
});

test("the repositories that were written to are read, each once; pulls are nothing", () => {
  assert.deepEqual(read(event("push", "team/f"), event("pull", "team/g"), event("push", "team/f"), event("delete", "a")), ["team/f", "a"]);
});

test("what is no notification is told from one that says nothing, and names that no repository has are left out", () => {
  for (const text of ["", "{", "[]", "null", "{}", JSON.stringify({ events: {} })]) assert.equal(readNotification(text), undefined, text);
  assert.deepEqual(
    read(
      null,
      1,
      {},
      event("push", null),
      event("push", "../x"),
      event("push", "A"),
      event("push", "a".repeat(256)),
      event("push", "a\u001b"),
    ),
    [],
  );
  assert.equal(read(...Array.from({ length: 5_000 }, (_, i) => event("push", `r${i}`))).length, 1_000);
});
