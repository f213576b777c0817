// Cases in YAML say most things shorter; a test in TypeScript can compute.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FilterRefused, loadFilter } from "@weir-dev/testing";

test("of all tokens that differ in one character, one passes", async () => {
  const filter = await loadFilter(undefined, { config: { tokens: ["let-me-in"] } });
  const status = async (token: string) => (await filter.exchange({ headers: { authorization: `Bearer ${token}` } })).response?.status;
  assert.equal(await status("let-me-in"), 200);
  for (let at = 0; at < "let-me-in".length; at++) assert.equal(await status(`${"let-me-in".slice(0, at)}X${"let-me-in".slice(at + 1)}`), 401);
});

test("no log has a token", async () => {
  const filter = await loadFilter(undefined, { config: { tokens: ["let-me-in"] } });
  await filter.exchange({ headers: { authorization: "Bearer wrong-token" } });
  await assert.rejects(loadFilter(undefined, { config: '{"tokens": ["let-me-in", 1' }), (error: FilterRefused) => {
    assert.doesNotMatch(JSON.stringify([filter.logs, error.message]), /let-me-in|wrong-token/);
    return error instanceof FilterRefused;
  });
});
