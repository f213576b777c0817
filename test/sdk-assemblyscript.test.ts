import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Metadata, Server, ServerCredentials, type ServerDuplexStream, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { bodyOf, type ExchangeResult, loadPlugin, message, type Pairs, type Plugin, type Replies } from "../preflight/index.ts";
import { SDK } from "../scripts/build/npm-package.ts";
import { buildWithSdk } from "../scripts/examples/assemblyscript.ts";
import type { Envoy } from "./support/envoy.ts";
import { startFeaturesEnvoy } from "./support/features-envoy.ts";
import { linesOfWorker } from "./support/wasm-log.ts";

const CONFIG = JSON.stringify({
  limits: { max: 8 },
  routes: [{ path: "/a" }, { path: "/b" }],
  greeting: 'é "quoted" \u{1f600}',
  list: ["a", "b"],
  large: 9007199254740993n.toString(),
  fraction: 1.5,
  flag: true,
})
  // A number with more digits than JSON.stringify would write.
  .replace('"9007199254740993"', "9007199254740993");

interface Asked {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Pairs;
  readonly body?: readonly string[];
  readonly trailers?: Pairs;
}

/** One after the other on one worker: what they log comes in this order. */
const REQUESTS: readonly Asked[] = [
  { path: "/plain" },
  {
    path: "/headers",
    headers: [
      ["x-own-a", "1"],
      ["x-own-b", "2"],
      ["x-gone", "here"],
    ],
  },
  { path: "/body", method: "POST", body: ["some ", "words"], trailers: [["x-checksum", "17"]] },
  { path: "/body", method: "POST", body: ["more ", "words"] },
  {
    path: "/json",
    method: "POST",
    body: ['{"text": "a\\u00e9b", "list": ["x", 1], "whole"', ': 9007199254740993, "part": 1.5, "flag": true}'],
  },
  { path: "/json", method: "POST", body: ['{"a": nul}'] },
  { path: "/rewrite" },
  { path: "/trailers" },
  { path: "/late" },
  { path: "/twice" },
  { path: "/leave" },
  { path: "/reset" },
  { path: "/deny" },
  { path: "/state" },
  { path: "/call" },
  { path: "/grpc" },
];

interface Answer {
  readonly status: number;
  readonly own: Readonly<Record<string, string>>;
  readonly body: string;
  readonly trailers: Readonly<Record<string, string>>;
}

/** There is none: the stream was reset. */
const NO_ANSWER: Answer = { status: 0, own: {}, body: "", trailers: {} };

const PAGE = fileURLToPath(new URL("../docs/authors/assemblyscript.md", import.meta.url));

/** `hello` is the filter that the documentation shows. */
async function buildAll() {
  const testing = (name: string) => readFile(join(SDK, "testing", `${name}.ts`), "utf8");
  const hello = /```ts\n([\s\S]*?)```/.exec(await readFile(PAGE, "utf8"))?.[1];
  assert.ok(hello !== undefined);
  return buildWithSdk({ hello, features: await testing("features"), traps: await testing("traps"), named: NAMED });
}

const NAMED = `import { registerNamedPlugin, RootContext } from "@weir-dev/assemblyscript";
class Plugin extends RootContext {}
registerNamedPlugin("one", () => new Plugin());
registerNamedPlugin("two", () => new Plugin());
`;

test("a rootId that no plugin has is refused with words", async () => {
  const { named } = await buildAll();
  for (const [rootId, log] of [
    ["two", []],
    ["three", ["no plugin has this rootId; there are: one two"]],
  ] as const) {
    const plugin = loadPlugin(await readFile(named), { rootId });
    assert.ok(plugin.ok);
    assert.equal(plugin.value.problem !== undefined, log.length > 0);
    assert.deepEqual(
      plugin.value.logs().map(({ text }) => text),
      log,
    );
  }
});

/** Answers with what it got, as the sandbox's upstream does below. */
function echo(method: string, path: string, headers: Readonly<Record<string, string>>, body: string): string {
  const own = Object.entries(headers).filter(([name]) => name.startsWith("x-") && !/^x-(forwarded|request-id|envoy)/.test(name));
  return JSON.stringify({ method, path, headers: Object.fromEntries(own.sort()), body });
}

const UPSTREAM_TRAILERS = { "x-end": "bye" };

async function startUpstreams(t: TestContext) {
  const app = createServer(async (incoming, answer) => {
    const body = await text(incoming);
    const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
    if (incoming.url === "/trailers") answer.writeHead(200, { trailer: "x-end" });
    if (incoming.url === "/trailers") answer.addTrailers(UPSTREAM_TRAILERS);
    answer.end(echo(incoming.method ?? "", incoming.url ?? "", utf8Of(headers), body));
  });
  await new Promise<void>((done) => app.listen(0, "127.0.0.1", done));
  t.after(() => app.close());
  const grpc = new Server();
  const bytes = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value };
  const method = (path: string, streams: boolean) => ({
    path,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: bytes.serialize,
    requestDeserialize: bytes.deserialize,
    responseSerialize: bytes.serialize,
    responseDeserialize: bytes.deserialize,
  });
  grpc.addService(
    { Say: method("/test.Echo/Say", false), Chat: method("/test.Echo/Chat", true) },
    {
      Say: (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => answer(null, Buffer.from(`${call.request} there`)),
      Chat(call: ServerDuplexStream<Buffer, Buffer>) {
        const seen = new Metadata();
        seen.set("x-seen", String(call.metadata.get("x-meta")[0]));
        call.sendMetadata(seen);
        call.on("data", (message: Buffer) => call.write(Buffer.from(`${message} again`)));
        const last = new Metadata();
        last.set("x-last", "bye");
        call.on("end", () => call.end(last));
        call.on("error", () => {}); // One call is cancelled.
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  t.after(() => grpc.forceShutdown());
  return { app: (app.address() as AddressInfo).port, grpc: port };
}

/** Node hands headers over as Latin-1. */
function utf8Of(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value, "latin1").toString()]));
}

/** What the real services of `startUpstreams` answer. */
const replies: Replies = {
  http: ({ cluster }) => (cluster === "app" ? { headers: [[":status", "200"]], body: Buffer.from("{}"), trailers: [] } : "unknown"),
  grpc: ({ method, messages, metadata }) =>
    method === "test.Echo/Say"
      ? { initialMetadata: [], messages: [Buffer.from(`${Buffer.concat(messages)} there`)], trailingMetadata: [], status: 0 }
      : {
          initialMetadata: [["x-seen", metadata.find(([name]) => name === "x-meta")?.[1] ?? ""]],
          messages: messages.map((message) => Buffer.from(`${Buffer.from(message)} again`)),
          trailingMetadata: [["x-last", "bye"]],
          status: 0,
        },
};

function inSandbox(plugin: Plugin, { path, method = "GET", headers = [], body = [], trailers = [] }: Asked): Answer {
  const sent = (parts: readonly string[]) =>
    message([[":method", method], [":path", path], [":authority", "app"], [":scheme", "http"], ...headers], [...parts], trailers);
  const last = path === "/trailers" ? Object.entries(UPSTREAM_TRAILERS) : [];
  const run = (answer: string): ExchangeResult =>
    plugin.exchange({ request: sent(body), response: message([[":status", "200"]], [answer], last) });
  // What the upstream answers depends on what it gets, which a first run of the same request would tell. Here it is computed beside.
  const result = run("(echo)");
  const { request: got, response } = result;
  const echoed =
    got &&
    echo(
      got.headers.find(([name]) => name === ":method")?.[1] ?? "",
      got.headers.find(([name]) => name === ":path")?.[1] ?? "",
      joined(got.headers),
      bodyOf(got).toString(),
    );
  if (result.reset) return NO_ANSWER;
  assert.ok(response !== undefined, `${path}: ${JSON.stringify(result)}`);
  const headerOf = joined(response.headers);
  return answerOf(
    Number(headerOf[":status"]),
    headerOf,
    bodyOf(response)
      .toString()
      .replace("(echo)", echoed ?? ""),
    joined(response.trailers),
  );
}

function joined(pairs: Pairs): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [name, value] of pairs) all[name] = all[name] === undefined ? value : `${all[name]}, ${value}`;
  return all;
}

function answerOf(
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
  trailers: Readonly<Record<string, string>>,
): Answer {
  const own = Object.entries(headers).filter(([name]) => name.startsWith("x-") && !name.startsWith("x-envoy"));
  return { status, own: Object.fromEntries(own), body, trailers };
}

function inEnvoy(port: number, { path, method = "GET", headers = [], body, trailers }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunked = body === undefined ? {} : { "transfer-encoding": "chunked", trailer: "x-checksum" };
    const options = {
      host: "127.0.0.1",
      port,
      path,
      method,
      agent: false,
      timeout: 10_000,
      headers: { ...Object.fromEntries(headers), ...chunked },
    };
    const outgoing = request(options, async (incoming) => {
      const body = await text(incoming);
      const own = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
      const last = Object.fromEntries(Object.entries(incoming.trailers).map(([name, value]) => [name, String(value)]));
      resolve(answerOf(incoming.statusCode ?? 0, own, body, last));
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error(`${path}: no answer`)));
    outgoing.once("error", (error) => (path === "/reset" ? resolve(NO_ANSWER) : reject(error)));
    for (const part of body ?? []) outgoing.write(part);
    if (trailers !== undefined) outgoing.addTrailers(Object.fromEntries(trailers));
    outgoing.end();
  });
}

/** A thousand requests, eight at a time, leave the VM in Envoy at a page of memory. */
async function inPages(envoy: Envoy, port: number): Promise<void> {
  const worker = async () => {
    for (let count = 0; count < 125; count++) await inEnvoy(port, { path: "/plain" });
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  await inEnvoy(port, { path: "/pages" });
  await envoy.waitFor("the pages", async () => envoy.logs().includes("pages "));
  assert.match(envoy.logs(), /pages 1\n/);
}

/** Timers and queues come when they come. */
const isOrdered = (line: string) => !line.startsWith("three ticks") && !line.startsWith("queue ");

test("all that the AssemblyScript package offers does in the sandbox what it does in Envoy", { timeout: 180_000 }, async (t) => {
  const { features } = await buildAll();
  const { envoy, port } = await startFeaturesEnvoy(features, CONFIG, await startUpstreams(t));
  t.after(() => envoy.stop());
  const loaded = loadPlugin(await readFile(features), { config: CONFIG, replies, name: "sdk", maxLogLines: 5_000 });
  assert.ok(loaded.ok);
  const plugin = loaded.value;
  assert.equal(plugin.problem, undefined);
  for (const asked of REQUESTS) {
    const [ours, envoys] = [inSandbox(plugin, asked), await inEnvoy(port, asked)];
    assert.deepEqual(ours, envoys, asked.path);
    if (asked.path === "/twice") assert.match(ours.body, /"x-answers":"2"/);
  }
  for (let tick = 0; tick < 3; tick++) plugin.tick();
  await envoy.waitFor("the timer", async () => envoy.logs().includes("three ticks"));
  await envoy.waitFor("the queue", async () => envoy.logs().includes("queue job true"));
  await envoy.waitFor("the last request's end", async () => linesOfWorker(envoy.logs(), "log /").includes("delete /grpc"));
  assert.equal(plugin.fault(), undefined);
  const ours = plugin.logs().map(({ text }) => text);
  assert.ok(ours.includes("three ticks") && ours.includes("queue job true"));
  t.diagnostic(`${ours.length} lines, ${(await readFile(features)).length} bytes`);
  assert.deepEqual(ours.filter(isOrdered), linesOfWorker(envoy.logs(), "log /").filter(isOrdered));
  await inPages(envoy, port);
  plugin.shutdown();
  assert.equal(plugin.logs().at(-1)?.text, "plugin done true");
  await envoy.stop();
  assert.match(envoy.logs(), /plugin done true/);
  assert.equal(ours.filter((line) => line.startsWith("initial ")).length, 1, "what comes for a stream that has ended is dropped");
  for (const line of EXPECTED) assert.ok(ours.includes(line), `${line} in\n${ours.join("\n")}`);
});

/** What the filter has to say; that both sides agree does not make it right. */
const EXPECTED = [
  'texts é "quoted" \u{1f600} a|b fallback',
  "numbers 9007199254740993 1.5 2.5",
  "flags true true false",
  "objects limits 8 2",
  "headers one false true",
  "entries 2 true 1",
  "request body 10 some words",
  "request trailers 17",
  "request body 10 more words",
  "response body 8 mid",
  "json true text|list|whole|part|flag a\u00e9b x",
  "json 9007199254740993 1.5 true",
  "json x-1true2",
  "json true 9007199254740993 48 9007199254740993",
  "json true 5",
  "no JSON 6 a value is missing at character 6",
  "response trailers bye",
  "on the plugin 0 0",
  "metrics 2 3",
  "shared first 0",
  "stale 8",
  "absent true",
  "no queue true",
  "property GET false",
  "own kept true",
  "time true random true",
  "level true foreign true",
  "call 0",
  "call 2",
  "asked true 200 {",
  "grpc 0",
  "unary hi there",
  "initial yes",
  "sent 0 0",
  "cancelled 0 1",
  "chat a again",
  "chat b again",
  "trailing bye",
  "closed 0",
  "log /deny 403 403",
  "delete /grpc",
];

const PLAIN = {
  request: message([
    [":method", "GET"],
    [":path", "/"],
    [":authority", "a"],
  ]),
  response: message([[":status", "200"]]),
};

test("a wrong configuration is refused with words, by an index past the end the VM ends with words", async (t) => {
  const { features, traps } = await buildAll();
  const whole = { greeting: "", large: 1, fraction: 1, flag: true };
  for (const [config, ...words] of [
    ['{"a": tru}', "not JSON: a value is missing at character 6"],
    ["[1,2", "not JSON: a comma or ] is missing at character 4"],
    ['{"a": 1} x', "not JSON: there is more after the value at character 9"],
    ['{"a": 01}', "not JSON: a comma or } is missing at character 7"],
    ['{"a": "\\x"}', "not JSON: an escape is not one of JSON at character 7"],
    ['{"a": "\\u00e', "not JSON: a quote is missing at character 12"],
    ['{"a": "\\u00e"}', "not JSON: four hexadecimal digits are missing at character 12"],
    ["[".repeat(100), "not JSON: it is nested too deeply at character 64"],
    ["[]", "must be an object, and is a list"],
    ["{}", ...["greeting", "large", "fraction", "flag"].map((field) => `${field} is missing (at character 0)`)],
    [
      '{"greeting": 1, "large": 1.5, "fraction": "1", "flag": null, "list": ["a", 2]}',
      "greeting must be a string, and is a number (at character 13)",
      "list[1] must be a string, and is a number (at character 75)",
      "large must be a whole number (at character 25)",
      "fraction must be a number, and is a string (at character 42)",
      "flag must be true or false, and is null (at character 55)",
    ],
    [
      JSON.stringify({ ...whole, limits: { max: 101 }, routes: [{ path: "a" }, 3] }),
      "routes[1] must be an object, and is a number (at character 94)",
      "limits.max must be from 1 to 100 (at character 66)",
      "routes[0].path must begin with / (at character 89)",
      "routes[1].path must begin with / (at character 94)",
    ],
    ...["9223372036854775808", "-9223372036854775809", "99999999999999999999", "1e3", "1.0"].map(
      (large) => [JSON.stringify({ ...whole, large: 0 }).replace("0", large), "large must be a whole number (at character 23)"] as const,
    ),
    [
      JSON.stringify({ ...whole, a: 1, b: 2, limits: { mx: 1, max: 2 } }),
      "a and 1 more are not known, known are: limits, routes, greeting, list, missing, large, fraction, none, flag (at character 54)",
      "limits.mx is not known, known are: max (at character 77)",
    ],
    [JSON.stringify({ ...whole, list: [1, 2, 3, 4, 5, 6, 7] }), /^configuration: (list\[\d\] must be a string[^;]*; ){5}and 2 more$/],
  ] as const satisfies readonly (readonly [string, ...(string | RegExp)[]])[]) {
    const plugin = loadPlugin(await readFile(features), { config });
    assert.ok(plugin.ok);
    assert.notEqual(plugin.value.problem, undefined, config);
    const told = plugin.value.logs().at(-1)?.text ?? "";
    const [first] = words;
    if (first instanceof RegExp) assert.match(told, first);
    else assert.equal(told, `configuration: ${words.join("; ")}`);
  }
  for (const large of ["9223372036854775807", "-9223372036854775808", "-0", "0"]) {
    const plugin = loadPlugin(await readFile(features), { config: JSON.stringify({ ...whole, large: 7 }).replace("7", large) });
    assert.ok(plugin.ok && plugin.value.problem === undefined);
    assert.equal(plugin.value.logs()[1]?.text, `numbers ${large.replace("-0", "0")} 1.0 2.5`);
  }
  const plugin = loadPlugin(await readFile(traps));
  assert.ok(plugin.ok);
  plugin.value.exchange(PLAIN);
  assert.match(plugin.value.logs().at(-1)?.text ?? "", /^abort: Index out of range \(~lib\/array\.ts:\d+:\d+\)$/);
  assert.match(plugin.value.fault()?.message ?? "", /unreachable/);
  t.diagnostic(plugin.value.fault()?.message ?? "");
});

/** The least host that hello needs: it gives a configuration, and takes a header. There is nothing of WASI: a module that asks for it does not link. */
function bareHost(module: WebAssembly.Module, configuration: Uint8Array) {
  let added = "";
  const memory = () => new Uint8Array(exports.memory.buffer);
  const env = {
    proxy_log: () => 0,
    proxy_get_buffer_bytes(_buffer: number, _start: number, _max: number, dataTo: number, sizeTo: number) {
      const at = exports.proxy_on_memory_allocate(configuration.length);
      memory().set(configuration, at);
      const words = new DataView(exports.memory.buffer);
      words.setUint32(dataTo, at, true);
      words.setUint32(sizeTo, configuration.length, true);
      return 0;
    },
    proxy_add_header_map_value(_map: number, key: number, keySize: number, value: number, valueSize: number) {
      const text = (at: number, size: number) => Buffer.from(memory().subarray(at, at + size)).toString();
      added = `${text(key, keySize)}: ${text(value, valueSize)}`;
      return 0;
    },
  };
  const exports = new WebAssembly.Instance(module, { env }).exports as unknown as Hello;
  return { exports, added: () => added };
}

interface Hello {
  readonly memory: WebAssembly.Memory;
  readonly _initialize: () => void;
  readonly proxy_on_memory_allocate: (size: number) => number;
  readonly proxy_on_context_create: (id: number, parent: number) => void;
  readonly proxy_on_configure: (id: number, size: number) => number;
  readonly proxy_on_response_headers: (id: number, count: number, end: number) => number;
  readonly proxy_on_delete: (id: number) => void;
}

test("hello is small, imports nothing of WASI, and a million requests leave its memory at one page", async (t) => {
  const { hello } = await buildAll();
  const bytes = await readFile(hello);
  assert.ok(bytes.length <= 8_192);
  const { exports, added } = bareHost(await WebAssembly.compile(bytes), Buffer.from("v\u00e9\u{1f600}"));
  exports._initialize();
  exports.proxy_on_context_create(1, 0);
  assert.equal(exports.proxy_on_configure(1, 7), 1);
  const requests = 1_000_000;
  const began = performance.now();
  // A hundred are under way at a time.
  for (let id = 2; id < requests + 2; id++) {
    exports.proxy_on_context_create(id, 1);
    exports.proxy_on_response_headers(id, 1, 0);
    if (id > 101) exports.proxy_on_delete(id - 100);
  }
  const ns = (performance.now() - began) * (1e6 / requests);
  assert.equal(added(), "x-hello: v\u00e9\u{1f600}");
  t.diagnostic(
    `${bytes.length} bytes; ${requests} requests, ${exports.memory.buffer.byteLength >> 16} page of memory, ${ns.toFixed(0)} ns a request`,
  );
  assert.equal(exports.memory.buffer.byteLength, 1 << 16);
});

test("text that is no UTF-8, or no UTF-16, comes out as U+FFFD for each byte or half that is none", async () => {
  const { hello, features } = await buildAll();
  const module = await WebAssembly.compile(await readFile(hello));
  for (const [bytes, text] of [
    ["61ff62", "a\ufffdb"],
    ["c328", "\ufffd("],
    ["c080", "\ufffd\ufffd"],
    ["eda080", "\ufffd\ufffd\ufffd"],
    ["f09f98", "\ufffd\ufffd\ufffd"],
    ["f4908080", "\ufffd\ufffd\ufffd\ufffd"],
    ["7fc280dfbfe0a080efbfbff0908080f48fbfbf", "\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}"],
  ] as const) {
    const configuration = Buffer.from(bytes, "hex");
    const { exports, added } = bareHost(module, configuration);
    exports._initialize();
    exports.proxy_on_context_create(1, 0);
    assert.equal(exports.proxy_on_configure(1, configuration.length), 1);
    exports.proxy_on_context_create(2, 1);
    exports.proxy_on_response_headers(2, 1, 0);
    assert.equal(added(), `x-hello: ${text}`, bytes);
  }
  const halves = '{"greeting": "\\ude00a\\ud83d", "large": 1, "fraction": 1, "flag": true}';
  const plugin = loadPlugin(await readFile(features), { config: halves });
  assert.ok(plugin.ok);
  assert.match(plugin.value.logs()[0]?.text ?? "", /^texts \ufffda\ufffd /);
});
