import assert from "node:assert/strict";
import { test } from "node:test";
import type { Withdrawal } from "../../model/replicas.ts";
import { idle, type RolloutState } from "../rollout/state.ts";
import { createWithdrawals, withdrawn } from "./withdrawals.ts";

const WITHDRAWAL: Withdrawal = { filter: "shop/f", uid: "u", target: 2, startedAt: 5, reason: "Rejected", message: "proxy web-1: no" };
const goingOut: RolloutState = { ...idle, phase: "Progressing", target: 2, stable: 1, startedAt: 5 };

test("a withdrawal counts for its own rollout and no other", () => {
  const withdrawals = createWithdrawals();
  assert.ok(withdrawals.add(WITHDRAWAL, idle));
  assert.ok(!withdrawals.add({ ...WITHDRAWAL, message: "the same from another server" }, idle));
  assert.equal(withdrawals.of("u", goingOut), WITHDRAWAL);
  assert.equal(withdrawals.of("v", goingOut), undefined);
  assert.equal(withdrawals.of("u", { ...goingOut, startedAt: 6 }), undefined);
  assert.equal(withdrawals.of("u", { ...goingOut, target: 3 }), undefined);
  assert.equal(withdrawals.of("u", withdrawn(goingOut)), undefined);
});

test("it is remembered until the record has it, also where the record is older than it", () => {
  const withdrawals = createWithdrawals();
  withdrawals.add(WITHDRAWAL, idle);
  withdrawals.recorded("u", { ...idle, phase: "Succeeded", target: 1, stable: 1, startedAt: 1 });
  assert.deepEqual([...withdrawals.all()], [WITHDRAWAL]);
  withdrawals.recorded("u", goingOut);
  assert.deepEqual([...withdrawals.all()], [WITHDRAWAL]);
  withdrawals.recorded("u", { ...goingOut, phase: "RolledBack" });
  assert.deepEqual([...withdrawals.all()], []);
});

test("a rollout that took the place of its own ends it, whatever the clock of whoever began that said", () => {
  const withdrawals = createWithdrawals();
  withdrawals.add(WITHDRAWAL, idle);
  withdrawals.recorded("u", goingOut);
  withdrawals.recorded("u", { ...goingOut, target: 3, startedAt: 4 });
  assert.deepEqual([...withdrawals.all()], []);
});

test("what the record has already is told to nobody: it would go round between servers for ever", () => {
  const withdrawals = createWithdrawals();
  assert.ok(!withdrawals.add(WITHDRAWAL, withdrawn(goingOut)));
  assert.deepEqual([...withdrawals.all()], []);
  assert.ok(withdrawals.add(WITHDRAWAL, goingOut));
  withdrawals.recorded("u", { ...goingOut, target: 3 });
  assert.deepEqual([...withdrawals.all()], []);
});

test("what is served of a withdrawn target is stable, or nothing where there is none", () => {
  assert.deepEqual(withdrawn({ ...goingOut, heldSince: 7 }), { ...goingOut, phase: "RolledBack" });
  assert.equal(withdrawn({ ...goingOut, stable: undefined }).phase, "Rejected");
});
