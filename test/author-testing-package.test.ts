import assert from "node:assert/strict";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { OUT, script } from "../preflight/testing/script.ts";
import { wasm } from "../preflight/testing/wat.ts";
import { buildTesting } from "../scripts/build/testing-package.ts";
import { run, runOk } from "../scripts/tools/run.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const PAIRS = "\u0003\0\0\0\u0007\0\0\0\u0003\0\0\0\u0005\0\0\0\u0001\0\0\0\n\0\0\0\u0001\0\0\0:method\0GET\0:path\0/\0:authority\0a\0";

/** Does a little of everything. */
const busy = wasm(
  script({
    proxy_on_configure: {
      returns: 1,
      steps: [
        ["proxy_get_buffer_bytes", 7, 0, 100, OUT],
        ["proxy_set_tick_period_milliseconds", 100],
        ["proxy_define_metric", 0, "counted", 4096],
        ["proxy_register_shared_queue", "jobs", 4096],
        ["proxy_call_foreign_function", "expr_create", "request.method == 'GET'", 4096, 4100],
      ],
    },
    proxy_on_tick: { steps: [["proxy_increment_metric", 4, 1n]] },
    proxy_on_request_headers: {
      returns: 1,
      steps: [
        ["proxy_call_foreign_function", "expr_evaluate", "\0\0\0\0", OUT],
        ["proxy_http_call", "authz", PAIRS, "who", "", 1000, 4096],
      ],
    },
    proxy_on_http_call_response: {
      steps: [
        ["proxy_get_buffer_bytes", 4, 0, 100, OUT],
        ["proxy_set_effective_context", 2],
        ["proxy_continue_stream", 0],
      ],
    },
    proxy_on_response_headers: { steps: [["proxy_add_header_map_value", 2, "x-hello", "world"]] },
    proxy_on_queue_ready: { steps: [["proxy_dequeue_shared_queue", 1, OUT]] },
    proxy_on_done: { returns: 1, steps: [["proxy_get_shared_data", "key", OUT, 4096]] },
  }),
);

const hello = wasm(script({ proxy_on_response_headers: { steps: [["proxy_add_header_map_value", 2, "x-hello", "world"]] } }));
const refusing = wasm(script({ proxy_on_configure: { steps: [["proxy_log", 4, "configuration: no"]], returns: 0 } }));
const trapping = wasm(
  `(module (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) (i32.const 64)) (func (export "proxy_abi_version_0_2_1"))
  (func $lost unreachable) (func $on_request (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $lost) (i32.const 0)))`,
  { names: true },
);

/** As an author writes it: what is in it runs on node:test of any Node from 20 on, so it has no types. */
const TESTS = `
import assert from "node:assert/strict";
import { test } from "node:test";
import { FilterRefused, FilterTrap, loadFilter } from "@weir-dev/testing";

test("an exchange, a call, a timer, a queue, shared data and metrics", async () => {
  const asked = [];
  const filter = await loadFilter("busy.wasm", {
    config: { a: 1 },
    callouts: (call) => {
      asked.push([call.cluster, call.method, call.path, call.body]);
      return call.cluster === "authz" ? { status: 200, body: "granted", delay: 30 } : undefined;
    },
  });
  const { response, upstream, callouts, held, local, remarks } = await filter.exchange({ path: "/orders", headers: { "X-A": ["1", "2"] }, upstream: { status: 201, body: "[]" } });
  assert.deepEqual([upstream.path, upstream.headers["x-a"], response.status, response.headers["x-hello"], response.body], ["/orders", "1, 2", 201, "world", "[]"]);
  assert.deepEqual([callouts.length, held, local, remarks], [1, undefined, false, []]);
  assert.deepEqual(asked, [["authz", "GET", "/", "who"]]);
  await filter.advance(270);
  assert.deepEqual(filter.metrics, { counted: 3 });
  await filter.enqueue("jobs", "wash up");
  await assert.rejects(filter.enqueue("none", "x"), /there is no queue none/);
  filter.setSharedData("key", "value");
  assert.equal(filter.sharedData("key"), "value");
  await filter.end();
  const lines = filter.logs.map(({ text }) => text);
  for (const line of ['{"a":1}', "granted", "wash up", "value", "proxy_on_request_headers proxy_call_foreign_function = 00"]) assert.ok(lines.includes(line), line + " in " + lines.join("\\n"));
});

test("what goes wrong rejects, with words", async () => {
  await assert.rejects(loadFilter("refusing.wasm"), (error) => error instanceof FilterRefused && /returned false/.test(error.message) && error.logs.length > 0);
  await assert.rejects(loadFilter(new Uint8Array(8)), FilterRefused);
  const filter = await loadFilter("trapping.wasm");
  await assert.rejects(filter.exchange(), (error) => error instanceof FilterTrap && error.callback === "proxy_on_request_headers" && error.functions[0] === "lost");
  assert.equal((await filter.exchange()).response.status, 503);
});
`;

const TYPED = `
import { test } from "node:test";
import { type Exchange, type Filter, loadFilter } from "@weir-dev/testing";
test("typed", async () => {
  const filter: Filter = await loadFilter("trapping.wasm", { callouts: (call) => ({ grpc: 0, messages: [call.body] }) });
  const logs: Exchange["logs"] = filter.logs;
  // @ts-expect-error: there is no such option
  await loadFilter("busy.wasm", { confg: "" });
  if (logs.length > 0) throw new Error(logs[0]?.text);
});
`;

test("the npm package for tests: it stands alone, has types, and runs on the oldest Node that it names", {
  timeout: 120_000,
}, async (t) => {
  const folder = await createTempFolder("testing-package");
  t.after(() => folder.remove());
  const at = (...names: string[]) => join(folder.path, ...names);
  const installed = at("node_modules/@weir-dev/testing");
  await mkdir(at("node_modules/@weir-dev"), { recursive: true });
  await buildTesting(at("built"));
  await cp(at("built"), installed, { recursive: true });
  for (const [name, code] of Object.entries({ busy, refusing, trapping })) await writeFile(at(`${name}.wasm`), await code);
  await writeFile(at("package.json"), '{"type": "module"}');
  await writeFile(at("api.test.js"), TESTS);
  await writeFile(at("typed.test.ts"), TYPED);
  await mkdir(at("build"));
  await writeFile(at("build/hello.wasm"), await hello);
  await writeFile(at("page.test.ts"), (await createSnippets("authors/testing")).text("typescript"));

  const env = { NODE_TEST_CONTEXT: "", NODE_OPTIONS: "" };
  // A machine has its own Node beside the project's, which may be older.
  const nodes = [process.execPath, "/usr/bin/node"];
  for (const node of nodes) {
    const version = await run(node, ["--version"]).then(
      ({ stdout }) => stdout.trim(),
      () => undefined,
    );
    if (version === undefined || Number(version.slice(1).split(".")[0]) < 20) continue;
    const done = await run(node, ["--test", "api.test.js"], { cwd: folder.path, env });
    assert.equal(done.code, 0, `${version}: ${done.stdout}`);
    t.diagnostic(`Node ${version}: passes`);
  }
  await runOk(process.execPath, ["--test", "typed.test.ts", "page.test.ts"], { cwd: folder.path, env });
  const tsc = [
    "--noEmit",
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "esnext",
    "--types",
    "node",
    "--typeRoots",
    join(ROOT, "node_modules/@types"),
    "typed.test.ts",
    "page.test.ts",
  ];
  await runOk(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), ...tsc], { cwd: folder.path });
  t.diagnostic(`${(await readFile(join(installed, "index.js"))).length} bytes of JavaScript, and CEL beside it`);
});
