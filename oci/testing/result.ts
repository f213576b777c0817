import assert from "node:assert/strict";
import type { Failure, Result } from "../../model/result.ts";

/** The value of a success; fails the test otherwise. */
export function valued<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? "" : `${result.error.reason}: ${result.error.message}`);
  return result.value;
}

/** The failure, which must have this reason; fails the test otherwise. */
export function failed(result: Result<unknown>, reason: string): Failure {
  assert.ok(!result.ok, `expected ${reason}, got a success`);
  assert.equal(result.error.reason, reason, result.error.message);
  return result.error;
}
