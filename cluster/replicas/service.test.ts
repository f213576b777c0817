import assert from "node:assert/strict";
import { test } from "node:test";
import { FromCaller, ToCaller } from "../gen/weir/v1/replicas.ts";
import { type PeerProof, replicaUri } from "./identity.ts";
import { createService, type PeerCall } from "./service.ts";

const uri = replicaUri("weir-system", "weir");
const proof: PeerProof = { altNames: `URI:${uri}`, until: 1e15, fault: undefined };

function createScene() {
  const said: string[] = [];
  const service = createService({
    ...{ id: "me", version: "1.0.0", uri, now: () => 10_000, isLeading: () => true },
    said: (replica, message, offsetMs) => void said.push(`${replica} ${message.$case} ${offsetMs}`),
    left: (replica) => void said.push(`${replica} left`),
    reportsToLeaderAlone: (replica) => void said.push(`${replica} is of an earlier version`),
  });
  const call = (shown: PeerProof | undefined) => {
    const got: string[] = [];
    const ended: number[] = [];
    const peer: PeerCall = {
      proof: shown,
      send: (bytes) => void got.push(ToCaller.decode(bytes).said?.$case ?? ""),
      end: (code) => void ended.push(code),
    };
    const handler = service.open(peer);
    return {
      got,
      ended,
      closed: () => handler.closed(),
      say: (one: FromCaller["said"]) => handler.message(FromCaller.encode({ said: one }).finish()),
      raw: handler.message,
    };
  };
  return { said, service, call };
}

const hello = (replica: string) => ({ $case: "hello" as const, hello: { replica, now: 9_000, keepsReports: true } });
const withdrawal = { $case: "withdrawal" as const, withdrawal: { filter: "shop/f", uid: "u", target: 2 } };

test("a replica is greeted, told who decides, and heard", () => {
  const { said, service, call } = createScene();
  const peer = call(proof);
  peer.say(withdrawal);
  assert.deepEqual(said, [], "nobody is heard before it said who it is");
  peer.say(hello("b"));
  service.beat();
  peer.say(withdrawal);
  peer.closed();
  assert.deepEqual(peer.got, ["hello", "beat", "beat"]);
  assert.deepEqual(said, ["b withdrawal 1000", "b left"]);
});

test("whoever shows no certificate of a replica is told nothing and heard in nothing", () => {
  const { said, service, call } = createScene();
  for (const shown of [
    undefined,
    { ...proof, fault: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" },
    { ...proof, altNames: "URI:spiffe://weir/ns/shop/node/web-1" },
  ]) {
    const stranger = call(shown);
    stranger.say(hello("b"));
    stranger.say(withdrawal);
    service.beat();
    stranger.closed();
    assert.deepEqual([stranger.ended, stranger.got], [[7], []]);
  }
  assert.deepEqual(said, []);
});

test("a replica that calls again has lost the call of before; what cannot be read ends a call", () => {
  const { said, call } = createScene();
  const [first, second] = [call(proof), call(proof)];
  first.say(hello("b"));
  second.say(hello("b"));
  first.closed();
  assert.deepEqual([first.ended, said], [[10], ["b left"]]);
  second.raw(Buffer.from([0xff, 0xff, 0xff]));
  assert.deepEqual(second.ended, [3]);
  second.closed();
  assert.deepEqual(said, ["b left", "b left"]);
});
