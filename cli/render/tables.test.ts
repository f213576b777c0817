import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { digest, NOW, proxy, rolling, settled } from "../testing/fixtures.ts";
import { renderFilters } from "./filters.ts";
import { groupProxies, renderProxies } from "./proxies.ts";
import { table } from "./table.ts";

const old = { revision: 3, digest: digest("3f2a9c01d2e4") };

describe("filters", () => {
  test("get prints the columns of kubectl get wf, and a reason where a filter is not ready", () => {
    assert.equal(renderFilters([rolling, settled], { now: NOW, namespaces: true, knowsStatus: true }), BOTH);
  });

  test("get leaves the reason out when all is well", () => {
    assert.equal(renderFilters([settled], { now: NOW, namespaces: false, knowsStatus: true }), WELL);
  });

  test("a filter without status has dashes, not zeros", () => {
    const { status: _, ...fresh } = rolling;
    assert.match(
      renderFilters([fresh], { now: NOW, namespaces: false, knowsStatus: true }),
      /add-header:1\.2 {2}- {7}- {9}- {8}Unknown {2}24h {2}NoStatus\n$/,
    );
    assert.match(renderFilters([fresh], { now: NOW, namespaces: false, knowsStatus: false }), /Unknown {2}24h {2}NotKnown\n$/);
  });
});

describe("proxies", () => {
  test("proxies has one line for each filter on each proxy", () => {
    const proxies = [
      proxy("web-21", [{}]),
      proxy("web-3", [{ ...old, state: "rejected", message: "revision 4 rejected: Unable to create Wasm plugin shop/add-header" }]),
      proxy("web-1", [{ ...old, state: "pending", message: "waits for revision 4" }]),
      proxy("web-2", [old], false),
      proxy("idle", []),
    ];
    assert.equal(renderProxies(proxies, { namespaces: true }), PROXIES);
  });

  test("proxies are grouped by what they do; one that left counts as lost", () => {
    const proxies = [proxy("web-10", [{}]), proxy("web-9", [{}]), proxy("web-2", [old], false), proxy("other", [{ name: "limit" }])];
    const groups = groupProxies(proxies, { namespace: "shop", name: "add-header" });
    assert.deepEqual(
      groups.map(({ revision, state, ids }) => [revision, state, ids]),
      [
        [4, "updated", ["web-9", "web-10"]],
        [3, "lost", ["web-2"]],
      ],
    );
  });
});

describe("tables", () => {
  test("a table pads to the widest cell and leaves nothing trailing", () => {
    assert.deepEqual(
      table(
        ["A", "B"],
        [
          ["long", ""],
          ["x", "y"],
        ],
        " ",
      ),
      [" A     B", " long", " x     y"],
    );
  });
});

const BOTH = `NAMESPACE  NAME        IMAGE                                    DIGEST        REVISION  PROXIES  READY  AGE  REASON
shop       add-header  registry.example/filters/add-header:1.2  3f2a9c01d2e4  4         12/40    False  24h  WaveInProgress
shop       limit       registry.example/filters/add-header:1.2  3f2a9c01d2e4  3         40/40    True   10m
`;

const WELL = `NAME   IMAGE                                    DIGEST        REVISION  PROXIES  READY  AGE
limit  registry.example/filters/add-header:1.2  3f2a9c01d2e4  3         40/40    True   10m
`;

const PROXIES = `NAMESPACE  PROXY   CONNECTED  SLOT     FILTER           REVISION  DIGEST        STATE     MESSAGE
shop       web-21  yes        default  shop/add-header  4         aaaa11112222  updated
shop       web-3   yes        default  shop/add-header  3         3f2a9c01d2e4  rejected  revision 4 rejected: Unable to create Wasm plugin shop/add-header
shop       web-1   yes        default  shop/add-header  3         3f2a9c01d2e4  pending   waits for revision 4
shop       web-2   no         default  shop/add-header  3         3f2a9c01d2e4  updated
shop       idle    yes        default  -                -         -             -
`;
