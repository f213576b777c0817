import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { proxy, rolling } from "../testing/fixtures.ts";
import type { NamedKind } from "./complete.ts";
import { createFindNames } from "./names.ts";

/** The first look loads the rooms that it needs: on a machine with other work that alone takes longer than who presses TAB waits. */
const PATIENT_MS = 60_000;

let dir: string;
const manifest = (namespace: string, name: string) =>
  `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {image: "r/${name}:1"}\n`;

before(() => {
  dir = mkdtempSync(join(tmpdir(), "weir-names-"));
  writeFileSync(join(dir, "all.yaml"), [manifest("shop", "add-header"), manifest("default", "limit")].join("---\n"));
});

after(() => rmSync(dir, { recursive: true }));

async function find(kind: NamedKind, flags: Record<string, string>, args: readonly string[] = [], env: Record<string, string> = {}) {
  return createFindNames({ HOME: dir, ...env }, PATIENT_MS)(kind, { flags: { server: "http://127.0.0.1:1", ...flags }, args });
}

/** A server that answers what its table holds, and never answers anything else. */
async function serve(answers: Readonly<Record<string, unknown>>) {
  const server = createServer(({ url = "" }, response) => {
    // Lists are asked for by pages.
    const body = answers[url.split("?")[0] ?? ""];
    if (body !== undefined) response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

describe("names", () => {
  test("filters of the chosen namespace have bare names, others their namespace before them; each with its image", async () => {
    assert.deepEqual(await find("filter", { filters: dir }), [
      { word: "limit", help: "r/limit:1" },
      { word: "shop/add-header", help: "r/add-header:1" },
    ]);
    assert.deepEqual(
      (await find("filter", { filters: dir, namespace: "shop" })).map(({ word }) => word),
      ["add-header", "default/limit"],
    );
    assert.equal((await find("filter", {}, [], { WEIR_FILTERS: dir })).length, 2);
  });

  test("policies are those of the fleet, each with its mode", async () => {
    const policies = mkdtempSync(join(tmpdir(), "weir-names-"));
    try {
      const policy = (name: string, mode: string) =>
        `apiVersion: weir.dev/v1alpha1\nkind: WasmPolicy\nmetadata: {name: ${name}}\nspec: {urls: Deny${mode}}\n`;
      writeFileSync(join(policies, "p.yaml"), [policy("signed", ", mode: Audit"), policy("base", "")].join("---\n"));
      assert.deepEqual(await find("policy", { filters: policies }), [
        { word: "base", help: "Enforce" },
        { word: "signed", help: "Audit" },
      ]);
    } finally {
      rmSync(policies, { recursive: true });
    }
  });

  test("namespaces are those that have filters", async () => {
    assert.deepEqual(
      (await find("namespace", { filters: dir })).map(({ word }) => word),
      ["default", "shop"],
    );
  });

  test("proxies and revisions come from the running server, the newest revision first", async () => {
    const server = await serve({ "/api/v1/proxies": [proxy("web-1", [{}])], "/api/v1/filters": { items: [rolling] } });
    try {
      assert.deepEqual(await find("proxy", { server: server.url }), [{ word: "web-1", help: "shop" }]);
      const found = await find("revision", { server: server.url, filters: dir, namespace: "shop" }, ["add-header"]);
      assert.deepEqual(
        found.map(({ word }) => word),
        ["4", "3", "2", "1"],
      );
      assert.equal(found[1]?.help, "3f2a9c01d2e4 Succeeded");
    } finally {
      server.close();
    }
  });

  test("contexts are those of the kubeconfig", async () => {
    const file = join(dir, "config");
    const context = "{name: blue, context: {cluster: c1}}";
    writeFileSync(
      file,
      `apiVersion: v1\nkind: Config\ncurrent-context: blue\ncontexts: [${context}]\nclusters: [{name: c1, cluster: {server: "http://127.0.0.1:1"}}]\n`,
    );
    assert.deepEqual(await find("context", { kubeconfig: file }), [{ word: "blue", help: "c1" }]);
  });

  test("where nothing can be read there are no names, and no error", async () => {
    for (const kind of ["filter", "policy", "namespace", "revision", "proxy", "context"] as const) {
      assert.deepEqual(await find(kind, { filters: join(dir, "nope") }, ["x"]), [], kind);
      assert.deepEqual(await find(kind, {}, ["not a name"]), [], kind);
      assert.deepEqual(await find(kind, { server: "nonsense" }), [], kind);
    }
  });

  test("a server that does not answer is given up", async () => {
    const server = await serve({});
    try {
      const start = performance.now();
      assert.deepEqual(await createFindNames({}, 50)("proxy", { flags: { server: server.url }, args: [] }), []);
      assert.ok(performance.now() - start < 10_000);
    } finally {
      server.close();
    }
  });

  test("a folder has its names also while its server does not answer", async () => {
    const server = await serve({});
    try {
      const found = await createFindNames({}, 500)("namespace", { flags: { server: server.url, filters: dir }, args: [] });
      assert.deepEqual(
        found.map(({ word }) => word),
        ["default", "shop"],
      );
    } finally {
      server.close();
    }
  });
});
