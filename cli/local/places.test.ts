import assert from "node:assert/strict";
import { test } from "node:test";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { inPlace, placeFilters } from "./places.ts";

const filter = (name: string, spec: object = {}, namespace = "shop") => ({ metadata: { name, namespace }, spec }) as unknown as WasmFilter;

function place(filters: readonly WasmFilter[], slotOrder: readonly string[] = [], namespace?: string) {
  const placed = placeFilters(filters, { namespace, slotOrder });
  assert.ok(placed.ok, JSON.stringify(placed));
  return placed.value;
}

test("filters stand in the order of slots, priorities and names, each in a slot of its own", () => {
  const filters = [
    filter("c"),
    filter("b", { priority: 1 }),
    filter("a"),
    filter("edge", { slot: "edge" }),
    filter("app", { slot: "app", priority: 9 }),
    filter("tcp", { type: "Network" }),
  ];
  const order = (slots: readonly string[]) => place(filters, slots).slots.map(({ slot, filter: { name } }) => `${slot} ${name}`);
  assert.deepEqual(order([]), ["filter-1 app", "filter-2 b", "filter-3 a", "filter-4 c", "filter-5 edge"]);
  assert.deepEqual(order(["edge", "default"]), ["filter-1 edge", "filter-2 b", "filter-3 a", "filter-4 c", "filter-5 app"]);
  assert.deepEqual(place(filters).left, ["tcp is a filter for TCP; only filters for HTTP are run"]);
});

test("one namespace is run, and where there are several it is to be named", () => {
  const filters = [filter("a"), filter("b", {}, "other"), { metadata: { name: "c" }, spec: {} } as unknown as WasmFilter];
  assert.equal(placeFilters(filters, { namespace: undefined, slotOrder: [] }).ok, false);
  assert.deepEqual(place(filters, [], "default").slots, [{ slot: "filter-1", filter: { namespace: "default", name: "c" } }]);
  assert.equal(placeFilters(filters, { namespace: "empty", slotOrder: [] }).ok, false);
  assert.equal(placeFilters([], { namespace: undefined, slotOrder: [] }).ok, false);
});

test("a filter in its place asks for no labels, and keeps all else", () => {
  const slots = [{ slot: "filter-1", filter: { namespace: "shop", name: "a" } }];
  const spec = { image: "r.example/a:1", slot: "edge", selector: { matchLabels: { app: "web" } } };
  assert.deepEqual(inPlace(filter("a", spec), slots).spec, { image: "r.example/a:1", slot: "filter-1" });
  const odd = { metadata: { name: "a", namespace: "shop" }, spec: null } as unknown as WasmFilter;
  assert.equal(inPlace(odd, slots), odd);
  const other = filter("b", spec);
  assert.equal(inPlace(other, slots), other);
});
