import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTokens, parseTokens } from "./tokens.ts";

const [SHOP, WEB, READER] = ["shop-aaaaaaaaaaaaaaaaaaaa", "web1-bbbbbbbbbbbbbbbbbbbb", "read-cccccccccccccccccccc"];

function table(text: string) {
  const parsed = parseTokens(text);
  assert(parsed.ok, parsed.ok ? "" : parsed.error.message);
  return parsed.value;
}

describe("a file of tokens", () => {
  test("stands for a namespace, a node of it, or a reader", () => {
    const tokens = createTokens(
      table(`# proxies
- {token: ${SHOP}, namespace: shop}
- {token: ${WEB}, namespace: shop, node: web-1}
- {token: ${READER}, role: reader}`),
    );
    assert.deepEqual(tokens.find(SHOP), { role: "proxy", namespace: "shop", nodeId: undefined, until: undefined });
    assert.deepEqual(tokens.find(WEB), { role: "proxy", namespace: "shop", nodeId: "web-1", until: undefined });
    assert.deepEqual(tokens.find(READER), { role: "reader", until: undefined });
    for (const wrong of ["", `${SHOP}x`, SHOP.slice(1), SHOP.toUpperCase()]) assert.equal(tokens.find(wrong), undefined);
  });

  test("has editors, who read too, and may change filters of all namespaces or of one", () => {
    const tokens = createTokens(
      table(`- {token: ${SHOP}, role: editor, name: alice@example}\n- {token: ${WEB}, role: editor, name: bob, namespace: shop}`),
    );
    const edits = (token: string) => tokens.find(token);
    assert.deepEqual(edits(SHOP), { role: "reader", until: undefined, edits: { name: "alice@example", namespace: undefined } });
    assert.deepEqual(edits(WEB), { role: "reader", until: undefined, edits: { name: "bob", namespace: "shop" } });
  });

  test("that is replaced tells who listens", () => {
    const tokens = createTokens(table(`[{token: ${SHOP}, namespace: shop}]`));
    let told = 0;
    const stop = tokens.onChange(() => told++);
    tokens.replace(table("[]"));
    stop();
    tokens.replace(table("[]"));
    assert.equal(told, 1);
    assert.equal(tokens.find(SHOP), undefined);
  });

  for (const [what, text, why] of [
    ["no list", "token: a", /must be a list/],
    ["no YAML", "- {token: [", /is not YAML/],
    ["a short token", "- {token: abc, namespace: shop}", /entry 1 that has no token of 20/],
    ["a number", "- {token: 123456789012345678901, namespace: shop}", /entry 1 .*quote it/],
    ["neither namespace nor role", `- {token: ${SHOP}}`, /entry 1 that has no namespace/],
    ["both", `- {token: ${SHOP}, namespace: shop, role: reader}`, /entry 1 that has a role/],
    ["another role", `- {token: ${SHOP}, role: admin}`, /entry 1 that has a role that is not/],
    ["an editor without a name", `- {token: ${SHOP}, role: editor}`, /is an editor's and has no name/],
    ["an editor that is a node", `- {token: ${SHOP}, role: editor, name: a, node: b}`, /has a node, and is an editor's/],
    ["a proxy with a name", `- {token: ${SHOP}, namespace: shop, name: a}`, /has a name and is no editor's/],
    ["an unknown field", `- {token: ${SHOP}, namespace: shop, nod: web-1}`, /entry 1 that has the unknown field "nod"/],
    ["a token twice", `[{token: ${SHOP}, namespace: a}, {token: ${SHOP}, namespace: b}]`, /token of entry 2 twice/],
  ] as const) {
    test(`with ${what} is refused, and its tokens are not shown`, () => {
      const parsed = parseTokens(text);
      assert(!parsed.ok);
      assert.match(parsed.error.message, why);
      assert.doesNotMatch(parsed.error.message, /aaaaaa/);
    });
  }
});
