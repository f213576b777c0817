import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LivePod, ProvedPod, ProxyIdentity } from "../../model/identity.ts";
import { fail, ok } from "../../model/result.ts";
import { createAuthenticator } from "./authenticator.ts";
import { createTokens, parseTokens } from "./tokens.ts";

const FILE = "file-aaaaaaaaaaaaaaaaaaaa";
const UID = "6f1d2c3b-1111-4222-8333-444455556666";
const pod: LivePod = { labels: { app: "web" }, onChange: () => () => {} };

/** An authenticator with every way, and what it asked. */
function start() {
  const asked: unknown[] = [];
  const parsed = parseTokens(`[{token: ${FILE}, namespace: outside}]`);
  assert(parsed.ok);
  const authenticator = createAuthenticator({
    tokens: createTokens(parsed.value),
    certificates: { trustDomain: undefined },
    reviewer: {
      async review(token, address) {
        asked.push([token, address]);
        const identity: ProxyIdentity = { role: "proxy", namespace: "shop", nodeId: "web-1", podUid: "u", until: 9 };
        return token === "pod" ? ok(identity) : fail("Unauthenticated", "not one of this cluster");
      },
    },
    pods: {
      find(proved: ProvedPod, address) {
        asked.push([proved, address]);
        return proved.name === "gone" ? fail("Unauthenticated", "it is gone") : ok(pod);
      },
    },
  });
  const prove = (authorization: string | undefined, altNames?: string) => {
    const certificate = altNames === undefined ? undefined : { altNames, until: 9, fault: undefined };
    return authenticator.authenticate({ peer: { certificate }, address: "::ffff:10.0.0.1:4711", authorization }, 1);
  };
  return { prove, asked };
}

describe("who a client is", () => {
  test("by a token of the file is known at once, and nobody is asked", () => {
    const { prove, asked } = start();
    const proved = prove(`Bearer ${FILE}`, "URI:spiffe://weir/ns/shop/node/web-1");
    assert(!(proved instanceof Promise) && proved.ok);
    assert.equal(proved.value.role === "proxy" && proved.value.namespace, "outside");
    assert.deepEqual(asked, []);
  });

  test("by a token that the file does not know is asked, and so is its pod, which the client's address is held against", async () => {
    const { prove, asked } = start();
    const proved = await prove("Bearer pod");
    assert.deepEqual(proved, ok({ role: "proxy", namespace: "shop", nodeId: "web-1", podUid: "u", until: 9, pod }));
    assert.deepEqual(asked, [
      ["pod", "10.0.0.1"],
      [{ namespace: "shop", name: "web-1", uid: "u", byToken: true }, "10.0.0.1"],
    ]);
    const refused = await prove("stranger");
    assert.equal(refused.ok, false);
  });

  test("by a pod's certificate is known with its pod, at once where the pod is; a certificate of no pod asks nobody", () => {
    const { prove, asked } = start();
    const proved = prove(undefined, `URI:spiffe://weir/ns/shop/sa/web/pod/web-1/${UID}`);
    assert(!(proved instanceof Promise) && proved.ok && proved.value.role === "proxy");
    assert.equal(proved.value.pod, pod);
    assert.deepEqual(asked.splice(0), [[{ namespace: "shop", name: "web-1", uid: UID, byToken: false }, "10.0.0.1"]]);
    const gone = prove(undefined, `URI:spiffe://weir/ns/shop/sa/web/pod/gone/${UID}`);
    assert(!(gone instanceof Promise) && !gone.ok);
    asked.splice(0);
    const node = prove(undefined, "URI:spiffe://weir/ns/shop/node/web-1");
    assert(!(node instanceof Promise) && node.ok);
    assert.deepEqual(asked, []);
  });

  test("without any of them is told what would do", () => {
    const { prove } = start();
    const proved = prove(undefined);
    assert(!(proved instanceof Promise) && !proved.ok);
    assert.match(proved.error.message, /connect with a client certificate or a bearer token/);
  });
});
