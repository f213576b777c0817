import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { describe, test } from "node:test";
import { DeltaDiscoveryRequest } from "./gen/envoy/service/discovery/v3/discovery.ts";
import { status } from "./grpc/status.ts";
import { typeUrls } from "./protocol/resource.ts";
import { bystander, MIB, memory, mib, ms } from "./testing/bystander.ts";
import { startDiscovery } from "./testing/discovery.ts";

const ECDS = typeUrls.extensionConfig;
const DELTA = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/** Opens a discovery stream and drops it. */
async function dropped(session: ClientHttp2Session): Promise<void> {
  if (session.destroyed || session.closed) return;
  const request = DeltaDiscoveryRequest.encode({ node: { id: "loop" }, typeUrl: ECDS, resourceNamesSubscribe: ["a"] }).finish();
  const stream = session.request({ ":method": "POST", ":path": DELTA, "content-type": "application/grpc" });
  const gone = new Promise<void>((done) => stream.once("close", done));
  stream.on("error", () => {});
  stream.write(Buffer.concat([Buffer.from([0, 0, 0, 0, request.length]), request]));
  stream.close();
  await gone;
}

describe("clients that misuse their connection", () => {
  test("bytes that are no HTTP/2 end that connection and touch no other", async (t) => {
    const started = await startDiscovery(t);
    const unaffected = await bystander(started);
    for (let count = 0; count < 50; count++) {
      const socket = connectTcp(started.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.end(Buffer.alloc(10_000, count));
      socket.resume();
      await once(socket, "close");
    }
    t.diagnostic(`50 connections of garbage; a bystander's change took ${ms(await unaffected())}`);
  });

  test("a request beyond the size limit is refused before it is read", async (t) => {
    const started = await startDiscovery(t);
    const unaffected = await bystander(started);
    const session = connectHttp2(`http://127.0.0.1:${started.port}`);
    t.after(() => session.destroy());
    const before = memory();
    const stream = session.request({ ":method": "POST", ":path": DELTA, "content-type": "application/grpc" });
    const answered = once(stream, "response");
    const chunk = Buffer.alloc(MIB, 0xff);
    chunk.writeUInt8(0);
    for (let sent = 0; sent < 64 && !stream.closed; sent++) if (!stream.write(chunk)) await new Promise((done) => setTimeout(done, 1));
    const [headers] = await answered;
    assert.equal(headers["grpc-status"], String(status.resourceExhausted));
    assert.match(decodeURIComponent(String(headers["grpc-message"])), /at most 4194304 bytes/);
    assert.equal([...started.discovery.streams()].length, 1, "only the bystander is left");
    stream.destroy();
    const grown = memory() - before;
    assert(grown < 16 * MIB, `${mib(grown)} more in use`);
    t.diagnostic(
      `a message of 4 GiB announced, 64 MiB sent: ${mib(grown)} more in use; a bystander's change took ${ms(await unaffected())}`,
    );
  });

  test("streams and connections that are opened and dropped in a loop leave nothing behind", async (t) => {
    const started = await startDiscovery(t);
    const unaffected = await bystander(started);
    const connection = async (streams: number) => {
      const session = connectHttp2(`http://127.0.0.1:${started.port}`);
      session.on("error", () => {});
      await Promise.all(Array.from({ length: streams }, () => dropped(session)));
      session.destroy();
      await once(session, "close");
    };
    const round = async (connections: number) => {
      for (let done = 0; done < connections; done++) await connection(50);
      await unaffected();
    };
    await round(10);
    const before = memory();
    const began = performance.now();
    await round(40);
    const perStream = (performance.now() - began) / 2_000;
    const grown = memory() - before;
    while ([...started.discovery.streams()].length > 1) await unaffected();
    assert.equal(started.cache.size(), 1);
    assert(grown < 2 * MIB, `${mib(grown)} more in use`);
    t.diagnostic(`2,000 streams, ${ms(perStream)} each, ${mib(grown)} more in use; a bystander's change took ${ms(await unaffected())}`);
  });

  test("a client that resets streams without end is cut off", async (t) => {
    const started = await startDiscovery(t);
    const unaffected = await bystander(started);
    const session = connectHttp2(`http://127.0.0.1:${started.port}`);
    const closed = new Promise<void>((done) => session.once("close", done));
    session.on("error", () => {});
    let count = 0;
    for (; count < 10_000 && !session.destroyed; count += 50) await Promise.all(Array.from({ length: 50 }, () => dropped(session)));
    await closed;
    assert(count < 5_000);
    t.diagnostic(`cut off after ${count} resets; a bystander's change took ${ms(await unaffected())}`);
  });

  test("what is no gRPC call is told so", async (t) => {
    const { port } = await startDiscovery(t);
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    t.after(() => session.destroy());
    const ask = async (headers: Record<string, string>, body?: Buffer) => {
      const stream = session.request({ ":method": "POST", ":path": DELTA, "content-type": "application/grpc", ...headers });
      let answer: Record<string, unknown> = {};
      stream.on("response", (response) => {
        answer = { ...answer, ...response };
      });
      stream.on("trailers", (trailers) => {
        answer = { ...answer, ...trailers };
      });
      stream.end(body);
      stream.resume();
      await once(stream, "close");
      return answer;
    };
    assert.equal((await ask({ "content-type": "application/json" }))[":status"], 415);
    assert.equal((await ask({ ":method": "GET" }))[":status"], 415);
    assert.equal((await ask({ ":path": "/no.such/Method" }))["grpc-status"], String(status.unimplemented));
    assert.equal((await ask({}, Buffer.from([1, 0, 0, 0, 1, 0])))["grpc-status"], String(status.unimplemented));
    assert.equal((await ask({}))["grpc-status"], String(status.ok));
  });
});
