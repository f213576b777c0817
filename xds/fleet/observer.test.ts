import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startCpuTime } from "../../base/cpu-time.ts";
import { createCache } from "../protocol/cache.ts";
import { typeUrls } from "../protocol/resource.ts";
import { parseNode } from "../stream/node.ts";
import type { XdsStream } from "../stream/stream.ts";
import { createFleet } from "./fleet.ts";

const ECDS = typeUrls.extensionConfig;
const NAMES = 10_000;

/** A fleet of one proxy without filters, and its open stream. */
function opened() {
  const cache = createCache();
  const { fleet, observer } = createFleet({ cache, clock: { now: () => 1, after: () => () => {} } });
  const node = parseNode({ id: "web-1", hasFilterChain: true, metadata: { NAMESPACE: "shop" } });
  assert(node.ok);
  const stream = { id: 1, node: node.value } as XdsStream;
  observer.opened(stream);
  fleet.assign("shop/web-1", new Map());
  const subscribe = (names: readonly string[]) =>
    observer.subscribed(
      stream,
      ECDS,
      names.map((name) => ({ name, claimed: undefined })),
      [],
      undefined,
    );
  const unsubscribe = (names: readonly string[]) => observer.subscribed(stream, ECDS, [], names, undefined);
  return { cache, fleet, subscribe, unsubscribe };
}

const namesOf = (slot: (index: number) => string) => Array.from({ length: NAMES }, (_, index) => `weir/${slot(index)}/n/f${index}`);

describe("what is remembered of a proxy", () => {
  test("names that it unsubscribed from are let go", () => {
    const { cache, fleet, subscribe, unsubscribe } = opened();
    const names = namesOf((index) => `s${index}`);
    subscribe(names);
    const lookup = cache.lookup("shop/web-1", ECDS);
    assert.equal(lookup.all()?.size, NAMES);
    unsubscribe(names);
    assert.equal(lookup.all()?.size, 0);
    assert.equal(fleet.proxy("shop/web-1")?.slots.size, 0);
  });

  test("the view of a slot with ten thousand places is made in one go", (t) => {
    const { fleet, subscribe } = opened();
    subscribe(namesOf(() => "s"));
    const taken = startCpuTime();
    assert.equal(fleet.proxy("shop/web-1")?.slots.size, 1);
    const took = taken();
    assert(took < 250, `${took} ms`);
    t.diagnostic(`${NAMES} places: ${took.toFixed(1)} ms`);
  });
});
