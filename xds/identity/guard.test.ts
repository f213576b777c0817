import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Clock } from "../../model/clock.ts";
import type { Identity } from "../../model/identity.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import type { Call, CallHandler, GuardedMethod, Method } from "../grpc/call.ts";
import type { PeerCertificate } from "../grpc/peer.ts";
import { status } from "../grpc/status.ts";
import { type Authenticator, createAuthenticator } from "./authenticator.ts";
import { createGuard, type ProxyMethod } from "./guard.ts";
import { createTokens, parseTokens } from "./tokens.ts";

const [PROXY, READER] = ["shop-aaaaaaaaaaaaaaaaaaaa", "read-cccccccccccccccccccc"];
const MINUTE = 60_000;

function tableOf(text: string) {
  const parsed = parseTokens(text);
  assert(parsed.ok);
  return parsed.value;
}

/** A guard, its clock and its tokens; `opened`: the namespaces of calls that came through. */
function startGuard() {
  let now = 0;
  let look = () => {};
  const clock = {
    now: () => now,
    after(_ms: number, run: () => void) {
      look = run;
      return () => {};
    },
  };
  const tokens = createTokens(tableOf(`[{token: ${PROXY}, namespace: shop}, {token: ${READER}, role: reader}]`));
  const guard = createGuard(createAuthenticator({ tokens, certificates: { trustDomain: undefined } }), clock);
  const opened: string[] = [];
  const handler: CallHandler = { message() {}, halfClosed() {}, closed() {} };
  const discovery: ProxyMethod = (_call, identity) => {
    opened.push(identity?.namespace ?? "");
    return handler;
  };
  return {
    guard,
    tokens,
    opened,
    proxies: atOnce(guard.forProxies(discovery)),
    readers: atOnce(
      guard.forReaders(() => {
        opened.push("reader");
        return handler;
      }),
    ),
    at(time: number) {
      now = time;
      look();
    },
  };
}

/** What need not be asked of anybody takes no turn of the event loop. */
function atOnce(method: GuardedMethod): Method {
  return (call) => {
    const handler = method(call);
    assert(!(handler instanceof Promise));
    return handler;
  };
}

function fakeCall(authorization?: string, certificate?: Partial<PeerCertificate>) {
  const ends: [number, string][] = [];
  let retired = 0;
  const whole = certificate && {
    altNames: "URI:spiffe://weir/ns/shop/node/web-1",
    until: Number.MAX_SAFE_INTEGER,
    fault: undefined,
    ...certificate,
  };
  const call: Call = {
    headers: authorization === undefined ? {} : { authorization },
    connection: { address: "127.0.0.1:1", peer: { certificate: whole }, retire: () => void retired++, probe: (done) => done(false) },
    send: () => true,
    taken: async () => {},
    end: (code, message = "") => void ends.push([code, message]),
  };
  return { call, ends, retired: () => retired };
}

describe("who may call", () => {
  test("a proxy by its token, with the scheme or without, or by its certificate; a reader by its token", () => {
    const { proxies, readers, opened } = startGuard();
    proxies(fakeCall(`Bearer ${PROXY}`).call);
    proxies(fakeCall(PROXY).call);
    proxies(fakeCall(undefined, {}).call);
    readers(fakeCall(`bearer ${READER}`).call);
    readers(fakeCall(`Bearer ${READER}`, {}).call);
    assert.deepEqual(opened, ["shop", "shop", "shop", "reader", "reader"]);
  });

  test("nobody else: UNAUTHENTICATED without proof, PERMISSION_DENIED with that of another role", () => {
    const { proxies, readers, opened } = startGuard();
    const refusals = [
      [proxies, fakeCall(), status.unauthenticated, /asks who you are; connect with a client certificate or a bearer token/],
      [proxies, fakeCall("Bearer wrong", {}), status.unauthenticated, /the token is not one/],
      [proxies, fakeCall(undefined, { fault: "CERT_HAS_EXPIRED" }), status.unauthenticated, /CERT_HAS_EXPIRED/],
      [proxies, fakeCall(READER), status.permissionDenied, /a reader's token/],
      [readers, fakeCall(PROXY), status.permissionDenied, /only a reader/],
      [readers, fakeCall(undefined, {}), status.permissionDenied, /only a reader/],
    ] as const;
    for (const [method, { call, ends }, code, why] of refusals) {
      method(call);
      assert.equal(ends.length, 1);
      assert.equal(ends[0]?.[0], code);
      assert.match(ends[0]?.[1] ?? "", why);
    }
    assert.deepEqual(opened, []);
  });
});

describe("a proof that ends", () => {
  test("a token that is removed ends its calls, and those of others stay", () => {
    const { proxies, readers, tokens } = startGuard();
    const [gone, reader, certified] = [fakeCall(PROXY), fakeCall(READER), fakeCall(undefined, {})];
    proxies(gone.call);
    readers(reader.call);
    proxies(certified.call);
    tokens.replace(tableOf(`[{token: ${READER}, role: reader}]`));
    assert.deepEqual([gone.ends.length, gone.ends[0]?.[0], gone.retired()], [1, status.unauthenticated, 1]);
    assert.deepEqual([reader.ends, certified.ends], [[], []]);
  });

  test("a token that stands for another namespace now ends its calls", () => {
    const { proxies, tokens } = startGuard();
    const { call, ends } = fakeCall(PROXY);
    proxies(call);
    tokens.replace(tableOf(`[{token: ${PROXY}, namespace: other}]`));
    assert.match(ends[0]?.[1] ?? "", /has changed/);
  });

  test("before a certificate ends its connection is asked to go, and one that comes back with it has it to its end", () => {
    const { proxies, at } = startGuard();
    const certificate = { until: 10 * MINUTE };
    const [first, second] = [fakeCall(undefined, certificate), fakeCall(undefined, certificate)];
    proxies(first.call);
    at(9 * MINUTE - 1);
    assert.deepEqual(first.ends, []);
    at(9 * MINUTE);
    assert.deepEqual([first.ends[0]?.[0], first.retired()], [status.unavailable, 1]);
    proxies(second.call);
    at(10 * MINUTE - 1);
    assert.deepEqual(second.ends, []);
    at(10 * MINUTE);
    assert.deepEqual([second.ends[0]?.[0], second.retired()], [status.unauthenticated, 1]);
  });

  test("a call that is over is not held", () => {
    const { proxies, tokens } = startGuard();
    const { call, ends } = fakeCall(PROXY);
    proxies(call).closed();
    tokens.replace(tableOf("[]"));
    assert.deepEqual(ends, []);
  });
});

/** A guard whose authenticator answers when it is told to, and its clock. */
function startSlowGuard() {
  const asked: PromiseWithResolvers<Result<Identity>>[] = [];
  const timers = new Map<() => void, number>();
  let changed = () => {};
  const clock: Clock = {
    now: () => 0,
    after(ms, run) {
      timers.set(run, ms);
      return () => void timers.delete(run);
    },
  };
  const authenticator: Authenticator = {
    authenticate() {
      const answer = Promise.withResolvers<Result<Identity>>();
      asked.push(answer);
      return answer.promise;
    },
    onChange(listener) {
      changed = listener;
      return () => {};
    },
  };
  const events: string[] = [];
  const guard = createGuard(authenticator, clock);
  const method = guard.forProxies((_call, identity) => ({
    message() {},
    relabeled: (labels) => void events.push(`labels ${Object.values(labels)}`),
    halfClosed() {},
    closed: () => void events.push(`closed ${identity?.nodeId}`),
  }));
  const fire = (ms: number) => {
    for (const [run, after] of [...timers]) if (after === ms && timers.delete(run)) run();
  };
  return { method, asked, events, fire, timers, change: () => changed() };
}

/** A pod whose labels and end a test owns. */
function fakePod(labels: Record<string, string>) {
  const listeners = new Set<(what: "labels" | "gone") => void>();
  const pod = {
    labels,
    onChange(listener: (what: "labels" | "gone") => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const tell = (what: "labels" | "gone") => {
    for (const listener of listeners) listener(what);
  };
  return { pod, tell, listeners };
}

const web1 = { role: "proxy", namespace: "shop", nodeId: "web-1", podUid: "u1", until: undefined } as const;

describe("a client of whom somebody must be asked", () => {
  test("waits for the answer, and is let in or refused by it", async () => {
    const { method, asked, events, timers } = startSlowGuard();
    const [good, bad, later] = [fakeCall("a"), fakeCall("b"), fakeCall("c")];
    const opened = [method(good.call), method(bad.call), method(later.call)];
    asked[0]?.resolve(ok(web1));
    asked[1]?.resolve(fail("Unauthenticated", "unknown"));
    asked[2]?.resolve(failForNow("Unavailable", "the API server is away"));
    const [handler] = await Promise.all(opened);
    assert.deepEqual(
      [good.ends, bad.ends, later.ends],
      [[], [[status.unauthenticated, "unknown"]], [[status.unavailable, "the API server is away"]]],
    );
    handler?.closed();
    assert.deepEqual(events, ["closed web-1"]);
    assert.deepEqual([...timers.values()], [1_000], "no deadline is left");
  });

  test("is told UNAVAILABLE when no answer comes in time, and one that comes later opens nothing", async () => {
    const { method, asked, fire, events } = startSlowGuard();
    const { call, ends } = fakeCall("a");
    const opened = method(call);
    fire(15_000);
    (await opened).closed();
    asked[0]?.resolve(ok(web1));
    await new Promise(setImmediate);
    assert.equal(ends[0]?.[0], status.unavailable);
    assert.match(ends[0]?.[1] ?? "", /could not tell within 15 s who this client is/);
    assert.deepEqual(events, []);
  });

  test("goes on when who is accepted changes and nobody can be asked then; it ends when it proves another", async () => {
    const { method, asked, change } = startSlowGuard();
    const { call, ends } = fakeCall("a");
    const opened = method(call);
    asked[0]?.resolve(ok(web1));
    await opened;
    change();
    asked[1]?.resolve(failForNow("Unavailable", "away"));
    await new Promise(setImmediate);
    assert.deepEqual(ends, []);
    change();
    asked[2]?.resolve(ok({ ...web1, podUid: "u2" }));
    await new Promise(setImmediate);
    assert.match(ends[0]?.[1] ?? "", /has changed/);
  });

  test("is told of its pod's new labels, and ends with its pod", async () => {
    const { method, asked, events } = startSlowGuard();
    const { pod, tell, listeners } = fakePod({ app: "pay" });
    const [first, second] = [fakeCall("a"), fakeCall("a")];
    const opened = [method(first.call), method(second.call)];
    for (const answer of asked) answer.resolve(ok({ ...web1, pod }));
    const handlers = await Promise.all(opened);
    tell("labels");
    assert.deepEqual(events, ["labels pay", "labels pay"]);
    handlers[1]?.closed();
    tell("gone");
    assert.deepEqual([first.ends[0]?.[0], second.ends], [status.unauthenticated, []]);
    assert.match(first.ends[0]?.[1] ?? "", /the pod of this client is gone/);
    handlers[0]?.closed();
    assert.equal(listeners.size, 0);
  });
});
