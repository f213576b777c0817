import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Call, CallHandler } from "../grpc/call.ts";
import type { PeerCertificate } from "../grpc/peer.ts";
import { status } from "../grpc/status.ts";
import { createAuthenticator } from "./authenticator.ts";
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
    proxies: guard.forProxies(discovery),
    readers: guard.forReaders(() => {
      opened.push("reader");
      return handler;
    }),
    at(time: number) {
      now = time;
      look();
    },
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
