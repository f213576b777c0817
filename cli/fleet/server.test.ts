import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { createHub, type Views } from "../../hub/index.ts";
import type { WasmPolicy } from "../../model/gen/wasmpolicy.ts";
import { silentLog } from "../../model/log.ts";
import { ok } from "../../model/result.ts";
import { proxy, revision, rolling } from "../testing/fixtures.ts";
import { createServerClient, type ServerClient } from "./server.ts";

function client(url: string): ServerClient {
  const made = createServerClient(url);
  assert.ok(made.ok);
  return made.value;
}

/** Runs `use` against a server that answers everything with `answer`. */
async function against(answer: RequestListener, use: (client: ServerClient) => Promise<void>): Promise<void> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await use(client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe("the client of a running server", () => {
  test("reads what a hub serves", async () => {
    const policy: WasmPolicy = { metadata: { name: "no-urls" }, spec: { urls: "Deny" }, status: { filters: 1, violating: 0 } };
    const views: Views = {
      filters: () => [rolling],
      policies: () => ok([policy]),
      proxyHeads: () => [proxy("web-1", [{}])],
      eachProxy: () => [proxy("web-1", [{}])],
      proxy: () => undefined,
      revisions: () => [revision(1, "aa")],
      waveCount: () => undefined,
      waves: async () => [],
      metrics: async () => "",
      ready: () => true,
      onEvent: () => () => {},
      onChange: () => () => {},
    };
    const hub = createHub({ views, log: silentLog });
    const bound = await hub.listen();
    assert.ok(bound.ok);
    const weir = client(`http://127.0.0.1:${bound.value.port}/`);
    const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
    assert.deepEqual(await weir.filters(), { ok: true, value: plain([rolling]) });
    assert.deepEqual(await weir.policies(), { ok: true, value: [policy] });
    assert.deepEqual(await weir.proxies(), { ok: true, value: plain([proxy("web-1", [{}])]) });
    assert.deepEqual(await weir.revisions({ namespace: "shop", name: "add-header" }), { ok: true, value: plain([revision(1, "aa")]) });
    await hub.close();
  });

  test("reads page by page, and from a server of an earlier version all at once", async () => {
    const asked: string[] = [];
    const all = Array.from({ length: 5 }, (_, index) => proxy(`web-${index}`, index < 3 ? [{}] : []));
    const key = { namespace: "shop", name: "add-header" };
    const paged: RequestListener = ({ url = "" }, response) => {
      asked.push(url);
      const at = Number(new URL(url, "http://x").searchParams.get("continue") ?? 0);
      const metadata = at + 2 < all.length ? { continue: String(at + 2) } : {};
      response.end(JSON.stringify({ kind: "List", metadata, items: all.slice(at, at + 2) }));
    };
    await against(paged, async (weir) => assert.deepEqual(await weir.proxies(), { ok: true, value: all }));
    assert.deepEqual(
      asked,
      ["", "&continue=2", "&continue=4"].map((more) => `/api/v1/proxies?limit=500${more}`),
    );
    asked.length = 0;
    const earlier: RequestListener = ({ url = "" }, response) => {
      asked.push(url);
      response.end(JSON.stringify(all));
    };
    await against(earlier, async (weir) => {
      assert.deepEqual(await weir.proxies({ filter: key }), { ok: true, value: all.slice(0, 3) });
      assert.deepEqual(await weir.proxies({ namespace: "other" }), { ok: true, value: [] });
    });
    assert.deepEqual(asked, ["/api/v1/proxies?limit=500&filter=shop%2Fadd-header", "/api/v1/proxies?limit=500&namespace=other"]);
    const endless: RequestListener = (_, response) => response.end(JSON.stringify({ metadata: { continue: "again" }, items: [] }));
    await against(endless, async (weir) => {
      const answer = await weir.proxies();
      assert.match(answer.ok ? "" : answer.error.message, /does not end/);
    });
  });

  test("a server that is not there is a failure that says how to reach one", async () => {
    // The kernel never picks a port below 1024, so nothing listens there.
    const port = 2;
    const answer = await client(`http://127.0.0.1:${port}`).proxies();
    assert.ok(!answer.ok);
    assert.match(
      answer.error.message,
      new RegExp(`no Weir answers at http://127\\.0\\.0\\.1:${port} \\(ECONNREFUSED\\); start .weir serve`),
    );
    assert.equal(answer.error.retryable, true);
  });

  test("what answers but is no Weir is told apart", async () => {
    const bodies = ["<html>", "{}", '{"items":[1]}', "[1]", '[{"id":1}]', '[{"id":"a","namespace":"b","slots":[{}]}]', "null"];
    for (const body of bodies) {
      await against(
        (_, response) => response.end(body),
        async (weir) => {
          for (const answer of [await weir.filters(), await weir.proxies()]) {
            assert.ok(!answer.ok, body);
            assert.match(answer.error.message, /is not a Weir of this version/);
          }
        },
      );
    }
    await against(
      (_, response) => response.writeHead(404).end(),
      async (weir) => {
        const answer = await weir.filters();
        assert.ok(!answer.ok);
        assert.match(answer.error.message, /answered 404 Not Found; is --server/);
      },
    );
  });

  test("a redirect is not followed", async () => {
    await against(
      (_, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
      async (weir) => assert.equal((await weir.filters()).ok, false),
    );
  });

  test("what is no URL is wrong usage", () => {
    for (const wrong of ["", "localhost:18001", "ftp://x", "127.0.0.1:18001"]) {
      const made = createServerClient(wrong);
      assert.ok(!made.ok, wrong);
      assert.equal(made.error.reason, "Usage");
    }
  });
});
