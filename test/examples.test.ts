import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { before, describe, type TestContext, test } from "node:test";
import { parse, stringify } from "yaml";
import { parseFilter } from "../operator/index.ts";
import { buildExamples, type Examples } from "../scripts/build-examples.ts";
import { buildHello, buildHelloRust } from "../scripts/examples/hello.ts";
import { type Envoy, startEnvoy } from "./support/envoy.ts";
import { eventually } from "./support/process.ts";

let examples: Examples;
before(async () => {
  examples = await buildExamples();
});

describe("example filters", () => {
  for (const language of ["addHeaderAs", "addHeaderGo"] as const) {
    test(`${language} adds its version's header in a real Envoy, or what the configuration says`, async (t) => {
      assert.equal(await headerOf(t, examples[language].v1), "v1");
      assert.equal(await headerOf(t, examples[language].v2), "v2");
      assert.equal(await headerOf(t, examples[language].v1, '{ "other": {"value": "no"}, "value" : "a\\u0062\\"c" }'), 'ab"c');
      assert.equal(await headerOf(t, examples[language].v1, '{"header":"x-other"}', "x-other"), "v1");
    });

    test(`${language} refuses a configuration that is not an object`, async () => {
      await assert.rejects(startFilter(examples[language].v1, "[1, 2]"), /add-header: [\s\S]*Unable to create Wasm plugin/);
    });
  }

  test("the two versions are different modules", async () => {
    const digests = await Promise.all(
      [examples.addHeaderAs, examples.addHeaderGo]
        .flatMap(({ v1, v2 }) => [v1, v2])
        .map(async (path) =>
          createHash("sha256")
            .update(await readFile(path))
            .digest("hex"),
        ),
    );
    assert.equal(new Set(digests).size, 4);
  });

  test("Envoy cannot load the module with a missing import", async () => {
    await assert.rejects(startFilter(examples.missingImport), /proxy_open_the_pod_bay_doors/);
  });
});

const rust = await buildHelloRust().catch((error: Error) => error.message);

describe("hello, in the languages that compile to small modules", () => {
  for (const language of ["c", "cpp", "zig", "rust"] as const) {
    const skip = language === "rust" && !rust.endsWith(".wasm") && rust;
    test(`${language}: its header in a real Envoy has the configuration as its value`, { skip }, async (t) => {
      const module = language === "rust" ? rust : (await buildHello())[language];
      assert.equal(await headerOf(t, module, undefined, "x-hello"), "world");
      assert.equal(await headerOf(t, module, "from a file", "x-hello"), "from a file");
    });
  }
});

test("every example manifest is one that the API server takes", async () => {
  const folder = new URL("../examples/", import.meta.url);
  const manifests = (await readdir(folder)).filter((name) => name.endsWith(".yaml"));
  assert.ok(manifests.length >= 3);
  for (const name of manifests) {
    const parsed = parseFilter(parse(await readFile(new URL(name, folder), "utf8")));
    assert.ok(parsed.ok, `${name}: ${parsed.ok ? "" : parsed.error.message}`);
  }
});

async function headerOf(t: TestContext, module: string, configuration?: string, header = "x-weir"): Promise<string | null> {
  const { envoy, url } = await startFilter(module, configuration);
  t.after(() => envoy.stop());
  return eventually("a response", async () => {
    const response = await fetch(url);
    assert.equal(response.status, 200);
    return response.headers.get(header) ?? undefined;
  });
}

async function startFilter(module: string, configuration?: string): Promise<{ envoy: Envoy; url: string }> {
  const plugin = {
    name: "example",
    ...(configuration === undefined
      ? {}
      : { configuration: { "@type": "type.googleapis.com/google.protobuf.StringValue", value: configuration } }),
    vm_config: { runtime: "envoy.wasm.runtime.v8", code: { local: { filename: module } } },
  };
  const manager = {
    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    stat_prefix: "in",
    route_config: {
      virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, direct_response: { status: 200 } }] }],
    },
    http_filters: [
      { name: "example", typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm", config: plugin } },
      { name: "router", typed_config: { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } },
    ],
  };
  const listener = {
    name: "inbound",
    address: { socket_address: { address: "127.0.0.1", port_value: 0 } },
    filter_chains: [{ filters: [{ name: "http", typed_config: manager }] }],
  };
  const envoy = await startEnvoy({ config: stringify({ static_resources: { listeners: [listener] } }), concurrency: 1 });
  return { envoy, url: `http://127.0.0.1:${await envoy.port()}/` };
}
