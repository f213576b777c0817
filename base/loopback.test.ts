import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopback } from "./loopback.ts";

test("loopback is what only this machine reaches; a name that begins like it is not", () => {
  for (const host of ["localhost", "127.0.0.1", "127.9.8.7", "::1"]) assert.equal(isLoopback(host), true, host);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.example.org", "weir.mesh", ""]) assert.equal(isLoopback(host), false, host);
});
