import assert from "node:assert/strict";
import { test } from "node:test";
import type { SlotDelivery } from "../../model/delivery.ts";
import { silentLog } from "../../model/log.ts";
import { createSlotNotices } from "./slot-notices.ts";

function proxy(id: string, ...names: string[]) {
  const slots = names.map((slot): SlotDelivery => ({ slot, desired: [], running: [], runningSince: 0, rejection: undefined }));
  return { id, namespace: "shop", slots: new Map(slots.map((slot) => [slot.slot, slot])) };
}

function started() {
  const lines: string[] = [];
  const warn = (_message: string, facts?: object) => void lines.push(JSON.stringify(facts));
  return { lines, notice: createSlotNotices({ ...silentLog, warn }) };
}

test("a slot that no filter names is told once, however many proxies have it, with the slots that filters do name", () => {
  const { lines, notice } = started();
  for (const id of ["web-1", "web-2"]) notice(proxy(id, "edgee", "app"), new Set(["edge", "app"]));
  assert.deepEqual(lines, ['{"slot":"edgee","proxy":"web-1","namespace":"shop","slotsWithFilters":"app,edge"}']);
});

test("without any filter for a proxy there is nothing to compare with", () => {
  const { lines, notice } = started();
  notice(proxy("web-1", "edgee"), new Set());
  assert.deepEqual(lines, []);
});

test("a proxy that makes up slots without end fills neither memory nor log", () => {
  const { lines, notice } = started();
  for (let i = 0; i < 5_000; i++) notice(proxy("web-1", `made-up-${i}`), new Set(["edge"]));
  assert.equal(lines.length, 1_000);
});
