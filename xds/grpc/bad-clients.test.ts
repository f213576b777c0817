import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { goodRequest, MIB, raw, request, session, startServer } from "../testing/grpc-server.ts";
import { errorCode, flag, frameType, makeFrame, PREFACE, settingsFrame, words } from "../testing/raw-http2.ts";
import { frame } from "./message.ts";
import { status } from "./status.ts";

/** nghttp2 ends what exceeds its own bounds with INTERNAL_ERROR. */
const faults: Record<string, { readonly bytes: Buffer; readonly code: number }> = {
  "no SETTINGS first": { bytes: makeFrame(frameType.ping, 0, 0, Buffer.alloc(8)), code: errorCode.protocol },
  "a frame too large": {
    bytes: Buffer.concat([settingsFrame([]), Buffer.from([0, 0x40, 1, 0, 0, 0, 0, 0, 1])]),
    code: errorCode.frameSize,
  },
  "data on a stream that was never opened": {
    bytes: Buffer.concat([settingsFrame([]), makeFrame(frameType.data, 0, 1, Buffer.alloc(1))]),
    code: errorCode.protocol,
  },
  "a stream with an even number": {
    bytes: Buffer.concat([settingsFrame([]), makeFrame(frameType.headers, flag.endHeaders, 2, goodRequest)]),
    code: errorCode.protocol,
  },
  "a broken header block": {
    bytes: Buffer.concat([settingsFrame([]), makeFrame(frameType.headers, flag.endHeaders, 1, Buffer.from([0xff, 0xff]))]),
    code: errorCode.compression,
  },
  "a frame amid a header block": {
    bytes: Buffer.concat([
      settingsFrame([]),
      makeFrame(frameType.headers, 0, 1, goodRequest),
      makeFrame(frameType.ping, 0, 0, Buffer.alloc(8)),
    ]),
    code: errorCode.protocol,
  },
  "a header block without end": {
    bytes: Buffer.concat([
      settingsFrame([]),
      makeFrame(frameType.headers, 0, 1, goodRequest),
      ...Array.from({ length: 10 }, () => makeFrame(frameType.continuation, 0, 1, Buffer.alloc(16_000))),
    ]),
    code: errorCode.internal,
  },
  "a window that grows beyond its bound": {
    bytes: Buffer.concat([settingsFrame([]), makeFrame(frameType.windowUpdate, 0, 0, words(2 ** 31 - 1))]),
    code: errorCode.flowControl,
  },
  "pings without end": {
    bytes: Buffer.concat([settingsFrame([]), ...Array.from({ length: 2_000 }, () => makeFrame(frameType.ping, 0, 0, Buffer.alloc(8)))]),
    code: errorCode.enhanceYourCalm,
  },
  "empty data without end": {
    bytes: Buffer.concat([
      settingsFrame([]),
      makeFrame(frameType.headers, flag.endHeaders, 1, goodRequest),
      ...Array.from({ length: 2_000 }, () => makeFrame(frameType.data, 0, 1, Buffer.alloc(0))),
    ]),
    code: errorCode.internal,
  },
  "a push": {
    bytes: Buffer.concat([settingsFrame([]), makeFrame(frameType.pushPromise, 0, 1, Buffer.alloc(4))]),
    code: errorCode.protocol,
  },
};

describe("clients that go too far", () => {
  test("unfinished messages are bounded for a connection, not only for each call", async (t) => {
    const { port, refusals } = await startServer(t, undefined, { maxRequestSize: MIB });
    const client = session(port);
    const unfinished = frame([Buffer.alloc(MIB)]).subarray(0, MIB - 1);
    const streams = Array.from({ length: 8 }, () => request(client));
    const answers = streams.map((stream) => once(stream, "response"));
    for (const stream of streams) stream.write(unfinished);
    const [headers] = await Promise.race(answers);
    assert.equal(headers["grpc-status"], String(status.resourceExhausted));
    assert.match(refusals[0] ?? "", /unfinished/);
  });

  for (const [what, { bytes, code }] of Object.entries(faults)) {
    test(`${what}: the connection ends, and the client is told why`, async (t) => {
      const { port, refusals } = await startServer(t);
      const { socket, frames, closed } = raw(port);
      socket.write(Buffer.concat([PREFACE, bytes]));
      await closed;
      const [type, , , payload] = frames.at(-1) ?? [0, 0, 0, Buffer.alloc(8)];
      assert.equal(type, frameType.goaway);
      assert.equal(payload.readUInt32BE(4), code);
      assert.equal(refusals.length, 1);
    });
  }
});
