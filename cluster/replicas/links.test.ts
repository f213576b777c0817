import assert from "node:assert/strict";
import { test } from "node:test";
import type { FleetView, ProxyNode } from "../../model/delivery.ts";
import { silentLog } from "../../model/log.ts";
import { FromCaller, ToCaller } from "../gen/weir/v1/replicas.ts";
import type { DialedHandler } from "./dial.ts";
import { createLinks } from "./links.ts";

function proxy(id: string): ProxyNode {
  const base = { key: `shop/${id}`, id, namespace: "shop", labels: {}, connected: true, since: 1, slots: new Map(), takesChains: true };
  return { ...base, version: "1.40.0", hungSince: undefined, endedAt: undefined, reportsEveryMs: undefined };
}

test("what a call cannot take goes on when it can: nobody asks again", () => {
  const proxies = Array.from({ length: 450 }, (_, i) => proxy(`web-${i}`));
  const own: FleetView = {
    proxies: () => proxies,
    proxy: (key) => proxies.find((each) => each.key === key),
    health: () => undefined,
    onChange: () => () => {},
  };
  const reported: number[] = [];
  let handler: DialedHandler | undefined;
  const links = createLinks({
    ...{ id: "a", version: "1", own, clock: { now: () => 0 }, steady: () => 0, log: silentLog },
    dial: (_address, _method, given) => {
      handler = given;
      const write = (bytes: Uint8Array) => {
        const { said } = FromCaller.decode(bytes);
        if (said?.$case === "report") reported.push(said.report.proxies?.length ?? 0);
        return said?.$case !== "report";
      };
      return { write, end() {}, finish() {} };
    },
    withdrawals: () => [],
    vouched: () => [][Symbol.iterator](),
    overridden() {},
    led() {},
  });
  links.reach(new Set(["b"]));
  handler?.message(ToCaller.encode({ said: { $case: "hello", hello: { replica: "b", now: 0, keepsReports: true } } }).finish());
  assert.deepEqual(reported, [200]);
  links.report();
  assert.deepEqual(reported, [200], "it is full");
  handler?.drained();
  handler?.drained();
  handler?.drained();
  assert.deepEqual(reported, [200, 200, 50]);
});
