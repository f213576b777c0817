import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { type ChannelCredentials, Client, type ClientDuplexStream, credentials, type StatusObject } from "@grpc/grpc-js";
import type { Method } from "./call.ts";
import { frame } from "./message.ts";
import { createGrpcServer } from "./server.ts";
import { status } from "./status.ts";

const ECHO = "/test.Test/Echo";
const MIB = 1024 * 1024;

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = privateKey.export({ type: "pkcs8", format: "pem" });
const cert = certificate(publicKey, privateKey);

interface Started {
  readonly port: number;
  readonly calls: () => number;
  readonly refusals: (readonly [peer: string, why: string])[];
  readonly close: () => Promise<void>;
  /** Goes before the server when the test ends. */
  readonly closeFirst: (end: () => void) => void;
}

async function start(t: TestContext): Promise<Started> {
  const refusals: [string, string][] = [];
  const ends: (() => void)[] = [];
  let calls = 0;
  const echo: Method = (call) => {
    calls++;
    return { message: (bytes) => void call.send(frame([bytes])), halfClosed: () => call.end(status.ok), closed() {} };
  };
  const server = createGrpcServer({
    methods: new Map([[ECHO, echo]]),
    tls: { key, cert },
    maxRequestSize: 4 * MIB,
    maxConnectionAgeMs: 0,
    refused: (peer, _reason, why) => void refusals.push([peer, why]),
  });
  const { port } = await server.listen("127.0.0.1:0");
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= server.close());
  t.after(async () => {
    for (const end of ends) end();
    await close();
  });
  return { port, calls: () => calls, refusals, close, closeFirst: (end) => void ends.push(end) };
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

test("a client that trusts the certificate gets its messages back, larger ones than any window too", async (t) => {
  const server = await start(t);
  const call = openCall(server, credentials.createSsl(Buffer.from(cert)));
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
  const good = openCall(server, credentials.createSsl(Buffer.from(cert)));
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

test("a client that never shakes hands does not hold up the end", { timeout: 10_000 }, async (t) => {
  const server = await start(t);
  const socket = connectTcp(server.port, "127.0.0.1");
  server.closeFirst(() => socket.destroy());
  await once(socket, "connect");
  // A later client is served: the silent one has been accepted too.
  await echoed(openCall(server, credentials.createSsl(Buffer.from(cert))), Buffer.from("served"));
  await Promise.all([server.close(), closed(socket)]);
});

function tls({ port, closeFirst }: Started, options: ConnectionOptions): Socket {
  const socket = connectTls({ host: "127.0.0.1", port, servername: "localhost", ca: cert, ...options });
  socket.on("error", () => {});
  closeFirst(() => socket.destroy());
  return socket;
}

/** A self-signed certificate for localhost that never expires, as PEM. https://www.rfc-editor.org/rfc/rfc5280#section-4.1 */
function certificate(subject: KeyObject, issuer: KeyObject): string {
  const sequence = (...parts: Buffer[]) => der(0x30, ...parts);
  const integer = (value: number) => der(0x02, Buffer.from([value]));
  const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"));
  const bits = (bytes: Buffer) => der(0x03, Buffer.from([0]), bytes);
  const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"));
  const commonName = sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from("test")))));
  const validity = sequence(der(0x18, Buffer.from("20200101000000Z")), der(0x18, Buffer.from("99991231235959Z")));
  const subjectAltName = sequence(oid("551d11"), der(0x04, sequence(der(0x82, Buffer.from("localhost")))));
  const body = sequence(
    der(0xa0, integer(2)),
    integer(1),
    ecdsaWithSha256,
    commonName,
    validity,
    commonName,
    subject.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(subjectAltName)),
  );
  const whole = sequence(body, ecdsaWithSha256, bits(sign("sha256", body, issuer)));
  return `-----BEGIN CERTIFICATE-----\n${whole.toString("base64")}\n-----END CERTIFICATE-----\n`;
}

/** A value of this tag. https://www.itu.int/rec/T-REC-X.690 */
function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
