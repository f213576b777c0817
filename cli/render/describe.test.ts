import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digest, NOW, proxy, revision, rolling, settled } from "../testing/fixtures.ts";
import { renderDescribe } from "./describe.ts";
import { createPaint } from "./paint.ts";

const plain = createPaint(false);
const old = { revision: 3, digest: digest("3f2a9c01d2e4") };
const revisions = [
  revision(1, "3f2a9c01d2e4"),
  revision(2, "bbbb33334444", { config: '{"a":1}' }),
  { ...revision(3, "3f2a9c01d2e4", { config: '{"a":2}', priority: 5 }), author: { generation: 6 } },
  {
    ...revision(4, "aaaa11112222", { config: '{"a":2}', priority: 5, failurePolicy: "Open" }),
    author: { generation: 7, manager: "kubectl", cause: "trace header" },
  },
];
const proxies = [
  ...Array.from({ length: 12 }, (_, index) => proxy(`web-${index + 10}`, [{}])),
  proxy("web-3", [{ ...old, state: "rejected", message: "revision 4 rejected: Unable to create Wasm plugin shop/add-header" }]),
  proxy("web-1", [{ ...old, state: "pending", message: "waits for revision 4" }]),
  proxy("web-2", [old], false),
];

describe("weir describe", () => {
  test("a rollout under way shows what runs where, who refused and why, what is next and when", () => {
    assert.equal(renderDescribe({ filter: rolling, revisions, knowsStatus: true, proxies, now: NOW }, plain), ROLLING);
  });

  test("a settled filter is short, and says when the server is not there to ask", () => {
    assert.equal(renderDescribe({ filter: settled, revisions: [], knowsStatus: true, proxies: "not known: x", now: NOW }, plain), SETTLED);
  });

  test("a filter without status says so and shows its spec", () => {
    const { status: _, ...fresh } = rolling;
    const text = renderDescribe({ filter: fresh, revisions: [], knowsStatus: true, proxies: [], now: NOW }, plain);
    assert.match(text, /^shop\/add-header {2}no status yet: no Weir has written one\n\n {2}Image {7}registry/);
    assert.match(text, /Serves {6}nothing yet/);
    assert.doesNotMatch(text, /Rollout|History|Conditions/);
  });

  test("a status that could not be read is not known: it does not say that nothing ran", () => {
    const { status: _, ...unread } = rolling;
    const text = renderDescribe({ filter: unread, revisions: [], knowsStatus: false, proxies: "not known: x", now: NOW }, plain);
    assert.match(text, /^shop\/add-header {2}status not known: the server that has it does not answer\n/);
    assert.match(text, /Serves {6}not known\n/);
    assert.doesNotMatch(text, /nothing yet|no Weir/);
  });

  test("what stands in the place of a filter has no revision and no digest", () => {
    const stands = { revision: 0, digest: digest("d6071df746e0"), state: "pending" as const, message: "nothing of it can be served" };
    const text = renderDescribe(
      { filter: rolling, revisions: [], knowsStatus: true, proxies: [proxy("web-1", [stands])], now: NOW },
      plain,
    );
    assert.match(text, /\n {2}- +- +pending +1 +web-1 \(nothing/);
    assert.doesNotMatch(text, /d6071df746e0/);
  });

  test("a pin and a status older than the spec are told", () => {
    const filter = {
      ...rolling,
      spec: { ...rolling.spec, digest: digest("3f2a9c01d2e4") },
      metadata: { ...rolling.metadata, generation: 8 },
    };
    const text = renderDescribe({ filter, revisions: [], knowsStatus: true, proxies: [], now: NOW }, plain);
    assert.match(text, /Pinned +sha256:3f2a9c01d2e40+ \(spec\.digest: the tag is not followed\)/);
    assert.match(text, /describes generation 7; the spec is at 8/);
  });

  test("settings that are asked for are told, those that may be long or private by name alone", () => {
    const spec = { ...rolling.spec, rootId: "root", env: [{ name: "TOKEN", value: "hunter2" }], capabilities: { allow: ["proxy_log"] } };
    const text = renderDescribe({ filter: { ...rolling, spec }, revisions: [], knowsStatus: true, proxies: [], now: NOW }, plain);
    assert.match(text, /Also set +rootId root, env, capabilities\n/);
    assert.doesNotMatch(text, /hunter2/);
  });

  test("a filter that must be there says what stands in its place", () => {
    const spec = { ...rolling.spec, failurePolicy: "Closed" } as const;
    assert.match(
      renderDescribe({ filter: { ...rolling, spec }, revisions: [], knowsStatus: true, proxies: [], now: NOW }, plain),
      /While missing +503 in its place, on proxies that are due it \(whenMissing: Closed\)/,
    );
  });

  test("rejections beyond those listed are counted", () => {
    const proxiesNow = { matched: 40, updated: 0, rejected: 13, pending: 27 };
    const filter = { ...rolling, status: { ...rolling.status, proxies: proxiesNow } };
    assert.match(renderDescribe({ filter, revisions: [], knowsStatus: true, proxies: [], now: NOW }, plain), /\n {2}and 12 more\n/);
  });

  test("nothing that a proxy says can move the cursor of who reads it", () => {
    const rejections = [{ proxy: "web-\u001b[2J", message: "bad\u001b]0;title\u0007 thing" }];
    const filter = { ...rolling, status: { ...rolling.status, rejections } };
    const text = renderDescribe({ filter, revisions: [], knowsStatus: true, proxies: [proxy("web-\u001b[1A", [{}])], now: NOW }, plain);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f]/);
  });

  test("colours appear only when asked for", () => {
    const input = { filter: rolling, revisions, knowsStatus: true, proxies, now: NOW };
    const painted = renderDescribe(input, createPaint(true));
    assert.ok(painted.includes("\u001b[31mNot ready"));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the codes themselves
    assert.equal(painted.replace(/\u001b\[\d+m/g, ""), renderDescribe(input, plain));
  });
});

const ROLLING = `shop/add-header  Not ready (WaveInProgress): revision 4, wave 2: 12 of 40 proxies acknowledged

  Image       registry.example/filters/add-header:1.2
  Serves      revision 3, digest 3f2a9c01d2e4, module 99aa88bb77cc
  Wanted      revision 4, digest aaaa11112222, module aaaa11112222
  Slot        default, priority 5, HTTP
  Selects     proxies with app=web
  On failure  Reload

Rollout of revision 4
  [####|########x.......|....................]  12 of 40 updated, 27 pending, 1 rejected
  waves  10% done > 50% now > 100%
  state  Progressing, wave 2 of 3, started 2m ago: waits for the proxies of this wave
  next   wave 3 (100%) starts once every proxy of this wave acknowledged; otherwise it rolls back by itself at 12:09:00Z (in 9m)

Rejections
  web-3  Unable to create Wasm plugin shop/add-header

Proxies
  REVISION  DIGEST        STATE     COUNT  PROXIES
  4         aaaa11112222  updated   12     web-10, web-11, web-12, web-13, web-14, web-15, and 6 more
  3         3f2a9c01d2e4  lost      1      web-2
  3         3f2a9c01d2e4  pending   1      web-1 (waits for revision 4)
  3         3f2a9c01d2e4  rejected  1      web-3 (revision 4 rejected: Unable to create Wasm plugin shop/add-header)

History
  REVISION  DIGEST        RESULT       AGE   IMAGE                                    BY                      CHANGED
  4         aaaa11112222  Progressing  2m    registry.example/filters/add-header:1.4  kubectl "trace header"  digest 3f2a9c01d2e4 -> aaaa11112222, failurePolicy Reload -> Open
  3*        3f2a9c01d2e4  Succeeded    120m  registry.example/filters/add-header:1.3  itself                  digest bbbb33334444 -> 3f2a9c01d2e4, priority 0 -> 5, config {"a":1} -> {"a":2}
  2         bbbb33334444  RolledBack   166m  registry.example/filters/add-header:1.2  -                       digest 3f2a9c01d2e4 -> bbbb33334444, config none -> {"a":1} (Rejected: web-1 refused it)
  1         3f2a9c01d2e4  Succeeded    24h   registry.example/filters/add-header:1.1  -                       -

Conditions
  TYPE      STATUS  SINCE  REASON          MESSAGE
  Accepted  True    24h    Accepted        the spec is valid
  Ready     False   2m     WaveInProgress  revision 4, wave 2: 12 of 40 proxies acknowledged
`;

const SETTLED = `shop/limit  Ready: revision 3

  Image       registry.example/filters/add-header:1.2
  Serves      revision 3, digest 3f2a9c01d2e4, module 99aa88bb77cc
  Slot        default, priority 5, HTTP
  Selects     proxies with app=web
  On failure  Reload

Rollout of revision 3
  [####|################|####################]  40 of 40 updated, 0 pending, 0 rejected
  waves  10% done > 50% done > 100% done
  state  Succeeded, wave 3 of 3, started 120m ago

Proxies
  not known: x

History
  REVISION  DIGEST        RESULT      AGE   IMAGE                                    BY  CHANGED
  3*        3f2a9c01d2e4  Succeeded   120m  registry.example/filters/add-header:1.3  -   digest bbbb33334444 -> 3f2a9c01d2e4
  2         bbbb33334444  RolledBack  166m  registry.example/filters/add-header:1.2  -   digest 3f2a9c01d2e4 -> bbbb33334444 (Rejected: web-1 refused it)
  1         3f2a9c01d2e4  Succeeded   24h   registry.example/filters/add-header:1.1  -   -

Conditions
  TYPE   STATUS  SINCE  REASON  MESSAGE
  Ready  True    116m   Ready   revision 3
`;
