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

test("one of a rollout that is over ends none that counts, and two servers that hold one each do not hand them to each other for ever", () => {
  const later = { ...WITHDRAWAL, target: 3, startedAt: 9 };
  const rollout = { ...goingOut, target: 3, startedAt: 9 };
  const [here, there] = [createWithdrawals(), createWithdrawals()];
  // Its record had the later rollout before the withdrawal of the earlier one was there.
  assert.ok(here.add(WITHDRAWAL, rollout));
  assert.ok(there.add(later, rollout));
  assert.ok(here.add(later, rollout));
  assert.ok(there.add(WITHDRAWAL, rollout));
  assert.deepEqual([here.add(WITHDRAWAL, rollout), there.add(later, rollout)], [false, false], "each had it: nobody is told again");
  for (const each of [here, there]) assert.equal(each.of("u", rollout), later);
  here.recorded("u", { ...rollout, phase: "RolledBack" });
  assert.deepEqual([...here.all()], [WITHDRAWAL]);
});

test("of one filter a few are kept, the latest", () => {
  const withdrawals = createWithdrawals();
  for (let startedAt = 1; startedAt <= 20; startedAt++) withdrawals.add({ ...WITHDRAWAL, startedAt }, idle);
  const kept = Array.from(withdrawals.all(), ({ startedAt }) => startedAt);
  assert.deepEqual(kept, [13, 14, 15, 16, 17, 18, 19, 20]);
});
