import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DeliveredFilter } from "../../model/delivery.ts";
import { type Facts, type Log, silentLog } from "../../model/log.ts";
import { plainResource, typeUrls } from "../protocol/resource.ts";
import { createAnswerLog } from "./answer-log.ts";
import { Ledger } from "./ledger.ts";

function filter(name: string, revision: number): DeliveredFilter {
  const digest = `sha256:${"a".repeat(64)}` as const;
  return { filter: { namespace: "shop", name }, revision, digest, wasmDigest: digest, hash: `${revision}`.repeat(20) };
}

function scene(isDebug = true) {
  const lines: [string, string, Facts | undefined][] = [];
  const log: Log = {
    ...silentLog,
    isDebug,
    debug: (...line) => lines.push(["debug", ...line] as never),
    warn: (...line) => lines.push(["warn", ...line] as never),
  };
  const ledger = new Ledger("weir/default", "default", undefined);
  const offer = (version: string, ...filters: DeliveredFilter[]) =>
    ledger.desire({ resource: plainResource(typeUrls.extensionConfig, "weir/default", version, []), filters });
  return { lines, ledger, offer, answers: createAnswerLog(log) };
}

const web = { id: "web-1", namespace: "shop" };

describe("log lines about a proxy's answers", () => {
  test("an ACK names the rollouts that it ends on this proxy, and no other filter of the chain", () => {
    const { lines, ledger, offer, answers } = scene();
    offer("1", filter("a", 1), filter("b", 1));
    ledger.acked("1", 0);
    answers.acked(web, ledger, undefined);
    const before = ledger.running;
    offer("2", filter("a", 1), filter("b", 2));
    ledger.acked("2", 0);
    answers.acked(web, ledger, before);
    assert.deepEqual(
      lines.map(([level, , facts]) => [level, facts]),
      [
        ["debug", { proxy: "web-1", namespace: "shop", slot: "default", rollout: "shop/a#1@11111111,shop/b#1@11111111" }],
        ["debug", { proxy: "web-1", namespace: "shop", slot: "default", rollout: "shop/b#2@22222222" }],
      ],
    );
  });

  test("a NACK names the rollout at fault, with the proxy's words", () => {
    const { lines, ledger, offer, answers } = scene();
    offer("1", filter("a", 1), filter("b", 1));
    ledger.rejected("1", "Unable to create Wasm plugin shop/b", 0);
    answers.rejected(web, ledger, "Unable to create Wasm plugin shop/b");
    assert.deepEqual(lines[0]?.[2], {
      proxy: "web-1",
      namespace: "shop",
      slot: "default",
      rollout: "shop/b#1@11111111",
      message: "Unable to create Wasm plugin shop/b",
    });
    assert.equal(lines[0]?.[0], "warn");
  });

  test("without debug lines an ACK costs nothing", () => {
    const { lines, ledger, answers } = scene(false);
    answers.acked(web, ledger, undefined);
    assert.deepEqual(lines, []);
  });
});
