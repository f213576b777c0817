import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { type ConnectionOptions, connect as connectTls, type TLSSocket, type TlsOptions } from "node:tls";
import { type ChannelCredentials, Client, type ClientDuplexStream, credentials, type StatusObject } from "@grpc/grpc-js";
import { createAuthority, type Identity } from "../../base/testing/certificates.ts";
import { ECHO } from "../testing/grpc-server.ts";
import { flag, frameType, headerBlock, makeFrame, PREFACE, setting, settingsFrame, words } from "../testing/raw-http2.ts";
import type { Call, Method } from "./call.ts";
import { frame } from "./message.ts";
import { createGrpcServer, type GrpcServer } from "./server.ts";
import { status } from "./status.ts";

const MIB = 1024 * 1024;

const authority = createAuthority("servers");
const { cert, key } = authority.issue("localhost");
const trust = Buffer.from(authority.cert);

interface Started {
  readonly port: number;
  readonly server: GrpcServer;
  readonly calls: () => number;
  readonly refusals: (readonly [peer: string, why: string])[];
  readonly close: () => Promise<void>;
  /** Goes before the server when the test ends. */
  readonly closeFirst: (end: () => void) => void;
}

async function start(t: TestContext, tls: TlsOptions = {}, method?: Method): Promise<Started> {
  const refusals: [string, string][] = [];
  const ends: (() => void)[] = [];
  let calls = 0;
  const echo: Method = (call) => {
    calls++;
    return { message: (bytes) => void call.send(frame([bytes])), halfClosed: () => call.end(status.ok), closed() {} };
  };
  const server = createGrpcServer({
    methods: new Map([[ECHO, method ?? echo]]),
    tls: { key, cert, ...tls },
    maxRequestSize: 4 * MIB,
    maxConnectionAgeMs: 0,
    graceMs: 300,
    refused: (peer, _reason, why) => void refusals.push([peer, why]),
  });
  const { port } = await server.listen("127.0.0.1:0");
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= server.close());
  t.after(async () => {
    for (const end of ends) end();
    await close();
  });
  return { port, server, calls: () => calls, refusals, close, closeFirst: (end) => void ends.push(end) };
}

function openCall({ port, closeFirst }: Started, how: ChannelCredentials): ClientDuplexStream<Buffer, Buffer> {
  const client = new Client(`127.0.0.1:${port}`, how, { "grpc.ssl_target_name_override": "localhost" });
  const identity = (bytes: Buffer) => bytes;
  const call = client.makeBidiStreamRequest(ECHO, identity, identity);
  closeFirst(() => {
    call.cancel();
    client.close();
  });
  call.on("error", () => {});
  return call;
}

async function echoed(call: ClientDuplexStream<Buffer, Buffer>, message: Buffer): Promise<void> {
  call.write(message);
  const [answer] = await once(call, "data");
  assert(message.equals(answer));
}

function statusOf(call: ClientDuplexStream<Buffer, Buffer>): Promise<StatusObject> {
  call.resume();
  return new Promise((done) => call.on("status", done));
}

/** Why the only client that was refused was, and where it is. */
async function refusal({ refusals }: Started): Promise<readonly [peer: string, why: string]> {
  while (refusals[0] === undefined) await new Promise((done) => setImmediate(done));
  assert.equal(refusals.length, 1);
  return refusals[0];
}

/** Resolves with all that came back, once the connection has closed. */
async function closed(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  socket.on("data", (bytes) => parts.push(bytes));
  socket.on("error", () => {});
  if (!socket.closed) await new Promise((done) => socket.once("close", done));
  return Buffer.concat(parts);
}

describe("who is served", () => {
  test("a client that trusts the certificate gets its messages back, larger ones than any window too", async (t) => {
    const server = await start(t);
    const call = openCall(server, credentials.createSsl(trust));
    await echoed(call, Buffer.from("over TLS"));
    await echoed(call, Buffer.alloc(3 * MIB, "abcdefg"));
    call.end();
    assert.equal((await statusOf(call)).code, status.ok);
    assert.deepEqual(server.refusals, []);
  });

  test("a client that does not trust the certificate gets no call", async (t) => {
    const server = await start(t);
    const call = openCall(server, credentials.createSsl());
    assert.equal((await statusOf(call)).code, status.unavailable);
    assert.equal(server.calls(), 0);
  });

  test("clients in plaintext are refused, with the reason and where they are, while others go on", async (t) => {
    const server = await start(t);
    const good = openCall(server, credentials.createSsl(trust));
    await echoed(good, Buffer.from("before"));

    const plain = connectTcp(server.port, "127.0.0.1");
    await once(plain, "connect");
    const peer = `127.0.0.1:${plain.localPort}`;
    plain.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    await closed(plain);
    assert.deepEqual(await refusal(server), [peer, "the TLS handshake failed: wrong version number"]);

    const refused = openCall(server, credentials.createInsecure());
    assert.equal((await statusOf(refused)).code, status.unavailable);
    assert.equal(server.calls(), 1);
    await echoed(good, Buffer.from("after"));
  });

  test("a client that offers HTTP/1.1 only gets no call", async (t) => {
    const server = await start(t);
    const socket = tls(server, { ALPNProtocols: ["http/1.1"] });
    socket.write(`POST ${ECHO} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n`);
    assert.equal(String(await closed(socket)), "");
    assert.equal((await refusal(server))[1], "the TLS handshake failed: no application protocol");
    assert.equal(server.calls(), 0);
  });

  test("a client that offers nothing and speaks HTTP/1.1 gets no call", async (t) => {
    const server = await start(t);
    const socket = tls(server, {});
    socket.write(`POST ${ECHO} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n`);
    await closed(socket);
    assert.equal((await refusal(server))[1], "it does not speak HTTP/2");
    assert.equal(server.calls(), 0);
  });

  test("a server that demands client certificates serves those of its authority alone, and says who was refused and why", async (t) => {
    const clients = createAuthority("clients");
    const server = await start(t, { ca: clients.cert, requestCert: true, rejectUnauthorized: true });
    const credentialsOf = (identity?: Identity) =>
      identity === undefined
        ? credentials.createSsl(trust)
        : credentials.createSsl(trust, Buffer.from(identity.key), Buffer.from(identity.cert));
    await echoed(openCall(server, credentialsOf(clients.issue("web-1"))), Buffer.from("known"));
    assert.equal(server.refusals.length, 0);
    for (const stranger of [undefined, createAuthority("clients").issue("web-1")]) {
      assert.equal((await statusOf(openCall(server, credentialsOf(stranger)))).code, status.unavailable);
    }
    assert.equal(server.calls(), 1);
    const reasons = server.refusals.map(([, why]) => why);
    t.diagnostic(reasons.join("; "));
    assert.ok(reasons.length >= 2);
    for (const why of reasons)
      assert.match(why, /^the TLS handshake failed: (peer did not return a certificate|UNABLE_TO|certificate|CERT)/);
  });
});

describe("the server's side", () => {
  test("a new certificate is for new handshakes; streams that are open go on", async (t) => {
    const server = await start(t);
    const open = openCall(server, credentials.createSsl(trust));
    await echoed(open, Buffer.from("before"));
    const next = createAuthority("next");
    const renewed = next.issue("localhost");
    server.server.setSecureContext(renewed);
    const socket = tls(server, { ca: next.cert, ALPNProtocols: ["h2"] });
    await once(socket, "secureConnect");
    assert.equal(socket.getPeerX509Certificate()?.toString(), new X509Certificate(renewed.cert).toString());
    await echoed(open, Buffer.from("after"));
    assert.throws(() => server.server.setSecureContext({ cert: "no certificate", key }));
    await echoed(openCall(server, credentials.createSsl(Buffer.from(next.cert))), Buffer.from("still served"));
  });

  test("when an authority of clients is not trusted any more its open streams end; those of others, and of nobody, go on", async (t) => {
    const [old, next] = [createAuthority("old"), createAuthority("next")];
    const server = await start(t, { ca: `${old.cert}${next.cert}`, requestCert: true, rejectUnauthorized: false });
    const open = (own?: Identity) =>
      openCall(
        server,
        own === undefined ? credentials.createSsl(trust) : credentials.createSsl(trust, Buffer.from(own.key), Buffer.from(own.cert)),
      );
    const [first, second, nobody] = [open(old.issue("web-1")), open(next.issue("web-2")), open()];
    for (const call of [first, second, nobody]) await echoed(call, Buffer.from("before"));
    server.server.setSecureContext({ cert, key, ca: [old.cert, next.cert] });
    for (const call of [first, second, nobody]) await echoed(call, Buffer.from("both count"));
    server.server.setSecureContext({ cert, key, ca: next.cert });
    assert.equal((await statusOf(first)).code, status.unavailable);
    for (const call of [second, nobody]) await echoed(call, Buffer.from("after"));
  });

  test("clients that read nothing hold a piece of a message each, not an encrypted copy", async (t) => {
    const calls: Call[] = [];
    const hold: Method = (call) => {
      calls.push(call);
      return { message() {}, halfClosed() {}, closed() {} };
    };
    const server = await start(t, {}, hold);
    const block = headerBlock({
      ":method": "POST",
      ":scheme": "https",
      ":authority": "localhost",
      ":path": ECHO,
      "content-type": "application/grpc",
    });
    const window = 64 * MIB;
    const hello = Buffer.concat([
      PREFACE,
      settingsFrame([[setting.initialWindowSize, window]]),
      makeFrame(frameType.windowUpdate, 0, 0, words(window)),
      makeFrame(frameType.headers, flag.endHeaders, 1, block),
    ]);
    for (let count = 0; count < 20; count++) {
      const socket = tls(server, { ALPNProtocols: ["h2"] }).pause();
      await once(socket, "secureConnect");
      socket.write(hello);
    }
    while (calls.length < 20) await new Promise((done) => setImmediate(done));
    const before = process.memoryUsage.rss();
    const message = frame([Buffer.alloc(8 * MIB)]);
    for (const call of calls) assert.equal(call.send(message), false);
    await new Promise((done) => setTimeout(done, 200));
    const grown = process.memoryUsage.rss() - before;
    t.diagnostic(`20 clients that read nothing of 8 MiB: ${(grown / MIB).toFixed(1)} MiB more`);
    assert(grown < 80 * MIB);
  });

  test("a client that never shakes hands does not hold up the end", { timeout: 10_000 }, async (t) => {
    const server = await start(t);
    const socket = connectTcp(server.port, "127.0.0.1");
    server.closeFirst(() => socket.destroy());
    await once(socket, "connect");
    // A later client is served: the silent one has been accepted too.
    await echoed(openCall(server, credentials.createSsl(trust)), Buffer.from("served"));
    await Promise.all([server.close(), closed(socket)]);
  });
});

function tls({ port, closeFirst }: Started, options: ConnectionOptions): TLSSocket {
  const socket = connectTls({ host: "127.0.0.1", port, servername: "localhost", ca: authority.cert, ...options });
  socket.on("error", () => {});
  closeFirst(() => socket.destroy());
  return socket;
}
