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
import { startFeaturesEnvoy } from "./support/features-envoy.ts";
import { linesOfWorker } from "./support/wasm-log.ts";

const CONFIG = JSON.stringify({
  greeting: 'é "quoted" \u{1f600}',
  list: ["a", 1, "b"],
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
  { path: "/rewrite" },
  { path: "/deny" },
  { path: "/state" },
  { path: "/call" },
  { path: "/grpc" },
];

interface Answer {
  readonly status: number;
  readonly own: Readonly<Record<string, string>>;
  readonly body: string;
}

const PAGE = fileURLToPath(new URL("../docs/authors/assemblyscript.md", import.meta.url));

/** `hello` is the filter that the documentation shows. */
async function buildAll() {
  const testing = (name: string) => readFile(join(SDK, "testing", `${name}.ts`), "utf8");
  const hello = /```ts\n([\s\S]*?)```/.exec(await readFile(PAGE, "utf8"))?.[1];
  assert.ok(hello !== undefined);
  return buildWithSdk({ hello, features: await testing("features"), traps: await testing("traps") });
}

/** Answers with what it got, as the sandbox's upstream does below. */
function echo(method: string, path: string, headers: Readonly<Record<string, string>>, body: string): string {
  const own = Object.entries(headers).filter(([name]) => name.startsWith("x-") && !/^x-(forwarded|request-id|envoy)/.test(name));
  return JSON.stringify({ method, path, headers: Object.fromEntries(own.sort()), body });
}

async function startUpstreams(t: TestContext) {
  const app = createServer(async (incoming, answer) => {
    const body = await text(incoming);
    const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
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
        call.write(Buffer.from("one"));
        call.write(Buffer.from("two"));
        const last = new Metadata();
        last.set("x-last", "bye");
        call.end(last);
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
          messages: [Buffer.from("one"), Buffer.from("two")],
          trailingMetadata: [["x-last", "bye"]],
          status: 0,
        },
};

function inSandbox(plugin: Plugin, { path, method = "GET", headers = [], body = [], trailers = [] }: Asked): Answer {
  const sent = (parts: readonly string[]) =>
    message([[":method", method], [":path", path], [":authority", "app"], [":scheme", "http"], ...headers], [...parts], trailers);
  const run = (answer: string): ExchangeResult =>
    plugin.exchange({ request: sent(body), response: message([[":status", "200"]], [answer]) });
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
  assert.ok(response !== undefined, `${path}: ${JSON.stringify(result)}`);
  const headerOf = joined(response.headers);
  return answerOf(
    Number(headerOf[":status"]),
    headerOf,
    bodyOf(response)
      .toString()
      .replace("(echo)", echoed ?? ""),
  );
}

function joined(pairs: Pairs): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [name, value] of pairs) all[name] = all[name] === undefined ? value : `${all[name]}, ${value}`;
  return all;
}

function answerOf(status: number, headers: Readonly<Record<string, string>>, body: string): Answer {
  const own = Object.entries(headers).filter(([name]) => name.startsWith("x-") && !name.startsWith("x-envoy"));
  return { status, own: Object.fromEntries(own), body };
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
      resolve(answerOf(incoming.statusCode ?? 0, own, body));
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error(`${path}: no answer`)));
    outgoing.once("error", reject);
    for (const part of body ?? []) outgoing.write(part);
    if (trailers !== undefined) outgoing.addTrailers(Object.fromEntries(trailers));
    outgoing.end();
  });
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
  for (const line of EXPECTED) assert.ok(ours.includes(line), `${line} in\n${ours.join("\n")}`);
});

/** What the filter has to say; that both sides agree does not make it right. */
const EXPECTED = [
  'strings é "quoted" \u{1f600} a|b fallback',
  "integer 9007199254740993 -1",
  "number 1.5 flag true",
  "headers one false true",
  "entries 2 true 1",
  "request body 10 some words",
  "request trailers 17",
  "request body 10 more words",
  "response body 8 mid",
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
  "chat one",
  "chat two",
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
  for (const [config, words] of [
    ['{"a": tru}', "configuration: a value is missing at character 6"],
    ["[1,2", "configuration: a comma or ] is missing at character 4"],
    ['{"a": 1} x', "configuration: there is more after the value at character 9"],
    ['{"a": 01}', "configuration: a comma or } is missing at character 7"],
    ['{"a": "\\x"}', "configuration: an escape is not one of JSON at character 7"],
    [`${"[".repeat(100)}`, "configuration: it is nested too deeply at character 64"],
  ] as const) {
    const plugin = loadPlugin(await readFile(features), { config });
    assert.ok(plugin.ok);
    assert.notEqual(plugin.value.problem, undefined, config);
    assert.deepEqual(
      plugin.value.logs().map(({ text }) => text),
      [words],
    );
  }
  const plugin = loadPlugin(await readFile(traps));
  assert.ok(plugin.ok);
  plugin.value.exchange(PLAIN);
  assert.match(plugin.value.logs().at(-1)?.text ?? "", /^abort: Index out of range \(~lib\/array\.ts:\d+:\d+\)$/);
  assert.match(plugin.value.fault()?.message ?? "", /unreachable/);
  t.diagnostic(plugin.value.fault()?.message ?? "");
});

test("hello is small, and a million requests leave its memory as it was", async (t) => {
  const { hello } = await buildAll();
  const { length } = await readFile(hello);
  const loaded = loadPlugin(await readFile(hello), { maxHostBytes: Number.MAX_SAFE_INTEGER });
  assert.ok(loaded.ok);
  const plugin = loaded.value;
  const requests = 100_000;
  const began = performance.now();
  for (let count = 0; count < requests; count++) plugin.exchange(PLAIN);
  const ns = ((performance.now() - began) / requests) * 1e6;
  assert.equal(plugin.exchange(PLAIN).response?.headers.find(([name]) => name === "x-hello")?.[1], "world");
  t.diagnostic(
    `${length} bytes; ${requests * 10} callbacks, ${plugin.memoryPages()} page of memory, ${ns.toFixed(0)} ns an exchange with the sandbox's own work`,
  );
  assert.equal(plugin.memoryPages(), 1);
  assert.ok(length <= 8_192);
});
