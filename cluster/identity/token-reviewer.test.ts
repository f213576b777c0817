import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createFairTurns } from "../../base/fair-turns.ts";
import { createKeyring } from "../../base/keyring.ts";
import type { VouchedToken } from "../../model/identity.ts";
import { type Facts, type Log, silentLog } from "../../model/log.ts";
import { silentMetrics } from "../../model/metrics.ts";
import { createFakeKube, failureOf } from "../testing/kube.ts";
import { createTokenReviewer } from "./token-reviewer.ts";

const SECOND = 1_000;

/** The token of a pod; it ends at this second. */
function tokenOf(pod: string, exp = 100): string {
  return `e30.${Buffer.from(JSON.stringify({ aud: ["weir.dev"], exp, pod })).toString("base64url")}.c2ln`;
}

function reviewOf(pod: string) {
  const extra = { "authentication.kubernetes.io/pod-name": [pod], "authentication.kubernetes.io/pod-uid": ["u"] };
  return { status: { authenticated: true, audiences: ["weir.dev"], user: { username: "system:serviceaccount:shop:web", extra } } };
}

function start(bounds = { places: 8, waiting: 10, waitingPerKey: 10 }) {
  const kube = createFakeKube();
  const lines: string[] = [];
  const note = (text: string, facts?: Facts) => void lines.push(`${text} ${JSON.stringify(facts ?? {})}`);
  const log: Log = { ...silentLog, info: note, error: note };
  const time = { now: 0 };
  const clock = { now: () => time.now, after: () => () => {} };
  const turns = createFairTurns(bounds);
  const hash = createKeyring(new Uint8Array(32)).keyedHash("token of a proxy");
  const told: VouchedToken[] = [];
  const reviewed = (token: VouchedToken) => void told.push(token);
  const metrics = silentMetrics;
  const reviewer = createTokenReviewer({ api: kube.api, audience: "weir.dev", turns, hash, reviewed, clock, log, metrics });
  return { kube, reviewer, time, lines, told };
}

describe("the reviewer of tokens", () => {
  test("asks once for a token, whoever waits for it, and keeps the answer until its end; then it is told at once", async () => {
    const { kube, reviewer, time } = start();
    const both = [reviewer.review(tokenOf("a"), "10.0.0.1"), reviewer.review(tokenOf("a"), "10.0.0.2")];
    await kube.answer(reviewOf("a"));
    for (const answer of await Promise.all(both)) assert.equal(answer.ok && answer.value.nodeId, "a");
    time.now = 100 * SECOND - 1;
    const again = reviewer.review(tokenOf("a"), "10.0.0.3");
    assert(!(again instanceof Promise) && again.ok);
    assert.equal(kube.count(), 1);
    time.now = 100 * SECOND;
    assert(reviewer.review(tokenOf("a"), "10.0.0.3") instanceof Promise);
  });

  test("tells a refusal again for some seconds without asking, and then asks anew", async () => {
    const { kube, reviewer, time } = start();
    const first = reviewer.review(tokenOf("a"), "10.0.0.1");
    await kube.answer({ status: { authenticated: false } });
    assert.equal((await first).ok, false);
    time.now = 5 * SECOND - 1;
    assert(!(reviewer.review(tokenOf("a"), "10.0.0.1") instanceof Promise));
    time.now = 5 * SECOND;
    const then = reviewer.review(tokenOf("a"), "10.0.0.1");
    await kube.answer(reviewOf("a"));
    assert.equal((await then).ok, true);
    assert.equal(kube.count(), 2);
  });

  test("asks nobody about what is no token, or one for others", () => {
    const { kube, reviewer } = start();
    const other = `e30.${Buffer.from(JSON.stringify({ aud: ["vault"], exp: 100 })).toString("base64url")}.c2ln`;
    for (const token of ["", "garbage", other]) {
      const answer = reviewer.review(token, "10.0.0.1");
      assert(!(answer instanceof Promise) && !answer.ok && !answer.error.retryable);
    }
    assert.equal(kube.count(), 0);
  });

  test("an API server that fails is no refusal: it is asked again, and the log says so once a minute", async () => {
    const { kube, reviewer, time, lines } = start();
    for (const status of [0, 500, 403, 401]) {
      const answer = reviewer.review(tokenOf("a"), "10.0.0.1");
      await kube.answer(failureOf(status));
      const known = await answer;
      assert(!known.ok && known.error.retryable, String(status));
      assert.doesNotMatch(known.error.message, /answered/);
    }
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /tokens of proxies cannot be reviewed .*it answered 0/);
    time.now = 60 * SECOND;
    const forbidden = reviewer.review(tokenOf("b"), "10.0.0.1");
    await kube.answer(failureOf(403));
    await forbidden;
    assert.match(
      lines[1] ?? "",
      /this account may not create tokenreviews.authentication.k8s.io in the whole cluster .*; grant it that verb/,
    );
    const good = reviewer.review(tokenOf("a"), "10.0.0.1");
    await kube.answer(reviewOf("a"));
    assert.equal((await good).ok, true);
    assert.match(lines[2] ?? "", /reviewed again/);
  });

  test("a token that another replica asked about is known to this one until its end, and to no other key", async () => {
    const there = start();
    const asked = there.reviewer.review(tokenOf("a"), "10.0.0.1");
    await there.kube.answer(reviewOf("a"));
    await asked;
    assert.deepEqual(there.told, there.reviewer.known());
    assert.doesNotMatch(JSON.stringify(there.told), new RegExp(tokenOf("a").split(".")[1] ?? ""));
    const here = start();
    const refused = here.reviewer.review(tokenOf("a"), "10.0.0.1");
    await here.kube.answer({ status: { authenticated: false } });
    assert.equal((await refused).ok, false);
    here.reviewer.learn(there.told);
    const answer = here.reviewer.review(tokenOf("a"), "10.0.0.2");
    assert(!(answer instanceof Promise) && answer.ok);
    assert.deepEqual([answer.value.namespace, answer.value.nodeId, answer.value.podUid], ["shop", "a", "u"]);
    assert.deepEqual(here.told, [], "who was told does not tell it on as its own");
    assert.deepEqual(here.reviewer.known(), there.told, "but to a replica that comes later");
    here.time.now = 100 * SECOND;
    assert.deepEqual(here.reviewer.known(), []);
    here.reviewer.learn(there.told);
    assert(here.reviewer.review(tokenOf("a"), "10.0.0.2") instanceof Promise, "what has ended is not learned");
  });

  test("an address that sends many tokens waits behind others, and is told to try again when it sends too many", async () => {
    const { kube, reviewer } = start({ places: 1, waiting: 3, waitingPerKey: 2 });
    const flood = ["a", "b", "c", "d"].map((pod) => reviewer.review(tokenOf(pod), "10.0.0.1"));
    const other = reviewer.review(tokenOf("x"), "10.0.0.2");
    const last = await flood[3];
    assert(last?.ok === false && last.error.retryable);
    assert.match(last.error.message, /too many clients wait/);
    for (const pod of ["a", "b", "x"]) {
      const { body } = await kube.answer(reviewOf(pod));
      assert.match(JSON.stringify(body), new RegExp(tokenOf(pod)));
    }
    assert.equal((await other).ok, true);
  });
});
