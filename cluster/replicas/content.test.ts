import assert from "node:assert/strict";
import { test } from "node:test";
import { type Digest, digestOf } from "../../model/digest.ts";
import { silentLog } from "../../model/log.ts";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import { Piece, Wanted } from "../gen/weir/v1/replicas.ts";
import { createContentClient } from "./content-client.ts";
import { type Contents, createContentService } from "./content-service.ts";
import type { DialedHandler } from "./dial.ts";
import { type PeerProof, replicaUri } from "./identity.ts";

const uri = replicaUri("weir-system", "weir");
const proof: PeerProof = { altNames: `URI:${uri}`, until: Number.POSITIVE_INFINITY, fault: undefined };
const MODULE = new Uint8Array(Buffer.alloc(700_000, "module"));
const DIGEST = digestOf(MODULE);
const NOTHING: Contents = { modules: { read: async () => undefined }, text: () => undefined };
const has = (bytes: Uint8Array<ArrayBuffer>): Contents => ({ ...NOTHING, modules: { read: async () => bytes } });

/** What answers a call: a service with these contents, or whatever a peer that is not right does. */
type Peer = Contents | ((handler: DialedHandler) => void);

/** A client before these peers, whose calls go through memory and take one message at a time. */
function createScene(peers: Readonly<Record<string, Peer>>) {
  const clock = createFakeClock();
  const asked: string[] = [];
  const ended: string[] = [];
  const services = new Map<string, ReturnType<typeof createContentService>>();
  const client = createContentClient({
    reached: () => Object.keys(peers),
    ...{ clock, log: silentLog },
    dial(address, _method, handler) {
      const peer = peers[address];
      assert.ok(peer !== undefined);
      asked.push(address);
      let isOver = false;
      const over = (why: string) => {
        if (isOver) return;
        isOver = true;
        ended.push(`${address} ${why}`);
        handler.closed(why);
        served?.closed();
      };
      const serve = (contents: Contents) => {
        const service = services.get(address) ?? createContentService({ uri, contents, clock });
        services.set(address, service);
        const one = service.open({
          proof,
          send(bytes) {
            setImmediate(() => {
              if (isOver) return;
              handler.message(bytes);
              one.drained();
            });
            return false;
          },
          end: (code) => void setImmediate(() => over(String(code))),
        });
        return one;
      };
      const served = typeof peer === "function" ? undefined : serve(peer);
      return {
        write(bytes) {
          if (served !== undefined) served.message(bytes);
          else if (typeof peer === "function") setImmediate(() => peer(handler));
          return true;
        },
        end: () => over("ended"),
        finish: () => over("ended"),
      };
    },
  });
  return { clock, client, asked, ended };
}

const piece = (one: Piece) => Piece.encode(one).finish();

test("a module comes in pieces from the first peer that has it, and those that lack it say so", async () => {
  const { client, asked, ended } = createScene({ a: NOTHING, b: has(MODULE), c: has(MODULE) });
  assert.deepEqual(await client.module(DIGEST), MODULE);
  assert.deepEqual(
    [asked, ended],
    [
      ["a", "b"],
      ["a 5", "b 0"],
    ],
  );
});

test("other bytes, more or fewer than were announced, and messages that say nothing count for nothing", async () => {
  const other = new Uint8Array(Buffer.alloc(700_000, "other!"));
  const peers = {
    other: has(other),
    more: (to: DialedHandler) => to.message(piece({ size: 3, bytes: Buffer.from("four") })),
    huge: (to: DialedHandler) => to.message(piece({ size: 2 ** 31, bytes: Buffer.alloc(1) })),
    unsized: (to: DialedHandler) => to.message(piece({ bytes: Buffer.alloc(1) })),
    garbage: (to: DialedHandler) => to.message(Buffer.from([255])),
    fewer(to: DialedHandler) {
      to.message(piece({ size: 9, bytes: Buffer.from("four") }));
      to.closed("gone");
    },
  };
  const { client, asked } = createScene({ ...peers, right: has(MODULE) });
  assert.deepEqual(await client.module(DIGEST), MODULE);
  assert.deepEqual(asked, [...Object.keys(peers), "right"]);
});

test("a peer that is silent is left for the next, and a caller that leaves asks nobody more", async () => {
  const { client, clock, asked } = createScene({ silent: () => {}, right: has(MODULE) });
  const got = client.module(DIGEST);
  await clock.advance(5_000);
  assert.deepEqual(await got, MODULE);
  asked.length = 0;
  const controller = new AbortController();
  const left = client.module(DIGEST, controller.signal);
  controller.abort();
  assert.equal(await left, undefined);
  assert.deepEqual(asked, ["silent"]);
});

test("a text that is not the one is asked of the next peer", async () => {
  const texts = (text: string): Contents => ({ ...NOTHING, text: (filter, hash) => Buffer.from(`${filter} ${hash} ${text}`) });
  const { client } = createScene({ a: texts("old"), b: texts("new") });
  const isRight = (bytes: Buffer) => bytes.toString().endsWith("new");
  assert.equal((await client.text("shop/f", "h", isRight))?.toString(), "shop/f h new");
});

test("a service has a few calls at once, each for one thing and for a minute", async () => {
  const clock = createFakeClock();
  const service = createContentService({ uri, contents: has(MODULE), clock });
  const codes: number[] = [];
  let sent = 0;
  const call = { proof, send: () => ++sent < 0, end: (code: number) => void codes.push(code) };
  const wanted = (module: Digest | string) => Wanted.encode({ what: { $case: "module", module } }).finish();
  const open = Array.from({ length: 9 }, () => service.open(call));
  assert.deepEqual(codes, [8]);
  open[0]?.message(wanted("../../etc/passwd"));
  open[1]?.message(wanted(DIGEST));
  open[1]?.message(wanted(DIGEST));
  open[2]?.message(Buffer.from([255]));
  open[3]?.message(wanted(DIGEST));
  await clock.advance(0);
  assert.deepEqual(codes, [8, 3, 3, 5]);
  assert.equal(sent, 1);
  await clock.advance(60_000);
  assert.deepEqual(codes, [8, 3, 3, 5, 4, 4, 4, 4, 4]);
  service.open({ ...call, proof: undefined });
  assert.equal(codes.at(-1), 7);
});
