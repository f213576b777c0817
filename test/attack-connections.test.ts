import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { flag, frameType, headerBlock, makeFrame } from "../xds/testing/raw-http2.ts";
import { data, http2Session, METHODS, opening, rawConnection, silentCall, startVictim } from "./support/attack.ts";
import { eventually } from "./support/process.ts";

/** It is cut off long before these. */
const MOST_PIECES = 1_000_000;
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

function openSockets(port: number, count: number): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    return socket.resume();
  });
}

const openOf = (sockets: readonly Socket[]) => sockets.filter(({ readyState }) => readyState === "open").length;

test("connections that say nothing neither keep others out nor stay, on either port", async (t) => {
  const { server, httpPort, during } = await startVictim(t, { descriptors: 256 });
  let silent: Socket[] = [];
  await during("400 silent connections to the xDS port of a server with 256 descriptors", async () => {
    silent = openSockets(server.xdsPort, 400);
    await pause(1_000);
    const session = http2Session(server.xdsPort);
    const late = silentCall(session, METHODS.watch);
    await late.write(Buffer.alloc(5));
    assert.equal(late.isClosed(), false);
    session.destroy();
    return `${openOf(silent)} open at once, a newcomer is let in`;
  });
  await during("400 silent connections to the HTTP port", async () => {
    const others = openSockets(httpPort, 400);
    await pause(1_000);
    const open = openOf(others);
    for (const socket of others) socket.destroy();
    return `${open} open at once`;
  });
  const began = performance.now();
  await eventually("silent connections are closed", () => openOf(silent) === 0, 20_000);
  t.diagnostic(`the silent ones were closed ${((performance.now() - began) / 1_000).toFixed(0)} s later`);
});

test("messages that never end are bounded, whatever their pieces", async (t) => {
  const { server, during } = await startVictim(t);
  const announced = Buffer.from([0, 0, 0x3f, 0xff, 0xf0]);
  await during("pieces of one byte", async () => {
    const raw = await rawConnection(server.xdsPort);
    await raw.write(opening(1, METHODS.ads), data(1, announced));
    const pieces = Buffer.concat(Array.from({ length: 2_000 }, () => data(1, Buffer.from([0]))));
    let sent = 0;
    for (; sent < MOST_PIECES && !raw.isClosed(); sent += 2_000) {
      await raw.write(pieces);
      await pause(1);
    }
    assert.equal(raw.isClosed(), true);
    return `cut off within ${sent} pieces`;
  });
  await during("100 streams of 3 MiB on each of 8 connections", async () => {
    const sessions = Array.from({ length: 8 }, () => http2Session(server.xdsPort));
    const calls = sessions.flatMap((session) => Array.from({ length: 100 }, () => silentCall(session, METHODS.ads)));
    for (const call of calls) void call.write(Buffer.concat([announced, Buffer.alloc(3 * 2 ** 20)]));
    await pause(3_000);
    const open = calls.filter((call) => !call.isClosed()).length;
    for (const session of sessions) session.destroy();
    return `${open} stayed open`;
  });
});

const ping = makeFrame(frameType.ping, 0, 0, Buffer.alloc(8));
const settings = makeFrame(frameType.settings, 0, 0, Buffer.from([0, 4, 0, 1, 0, 0]));
const large = headerBlock(Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`x-${index}`, "y".repeat(120)])));
let next = 1;
const floods: Readonly<Record<string, () => Buffer>> = {
  pings: () => ping,
  settings: () => settings,
  "streams that are reset at once": () => {
    next += 2;
    return Buffer.concat([opening(next, METHODS.ads), makeFrame(frameType.rstStream, 0, next, Buffer.from([0, 0, 0, 8]))]);
  },
  "headers without end": () => {
    next += 2;
    return Buffer.concat([
      makeFrame(frameType.headers, 0, next, headerBlock({ ":method": "POST" })),
      ...Array.from({ length: 20 }, () => makeFrame(frameType.continuation, 0, next, large)),
    ]);
  },
  "large headers": () => {
    next += 2;
    return makeFrame(frameType.headers, flag.endHeaders, next, large);
  },
  "streams that are opened and never used": () => {
    next += 2;
    return opening(next, METHODS.ads);
  },
};

test("floods of frames end their connection, and nobody notices", async (t) => {
  const { server, during } = await startVictim(t);
  for (const [what, flood] of Object.entries(floods)) {
    await during(`${what}, over and over on new connections`, async () => {
      let connections = 0;
      let frames = 0;
      for (const end = performance.now() + 1_200; performance.now() < end; connections++) {
        next = 1;
        const raw = await rawConnection(server.xdsPort);
        while (performance.now() < end && !raw.isClosed()) {
          await raw.write(...Array.from({ length: 100 }, flood));
          frames += 100;
          await pause(1);
        }
        raw.socket.destroy();
      }
      return `${connections} connections, ${frames} times`;
    });
  }
});
