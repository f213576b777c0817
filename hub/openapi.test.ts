import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { type HubScene, startHub } from "./testing/scene.ts";

let scene: HubScene;

beforeEach(async () => {
  scene = await startHub();
});

afterEach(() => scene.hub.close());

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<
    Record<
      string,
      {
        readonly get: {
          readonly operationId: string;
          readonly parameters: readonly { readonly name: string; readonly in: string }[];
          readonly responses: object;
        };
      }
    >
  >;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

async function read(): Promise<Document> {
  return JSON.parse((await scene.ask("/openapi.json")).body);
}

describe("the OpenAPI document", () => {
  test("describes every path that is served, and no other", async () => {
    const { openapi, paths } = await read();
    assert.equal(openapi, "3.1.0");
    const listed = JSON.parse((await scene.ask("/nothing")).body)
      .error.message.replace(/^.*has /, "")
      .split(", ");
    assert.deepEqual(Object.keys(paths), listed);
    for (const path of listed) {
      const name = path.startsWith("/api/v1/policies") ? "no-urls" : "add-header";
      const asked = path.replace("{namespace}", "shop").replace("{name}", name);
      assert.equal((await scene.ask(asked, { method: "HEAD" })).status, 200, path);
    }
  });

  test("names every operation once, and the parameters of its path", async () => {
    const operations = Object.entries((await read()).paths);
    assert.equal(new Set(operations.map(([, { get }]) => get.operationId)).size, operations.length);
    for (const [path, { get }] of operations) {
      assert.deepEqual(
        get.parameters.flatMap((parameter) => (parameter.in === "path" ? [`{${parameter.name}}`] : [])),
        path.match(/\{\w+\}/g) ?? [],
      );
    }
  });

  test("refers to schemas that it has", async () => {
    const document = await read();
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name = ""]) => name);
    assert.ok(refs.length > 5);
    for (const name of refs) assert.ok(name in document.components.schemas, name);
  });
});
