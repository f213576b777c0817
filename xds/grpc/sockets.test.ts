import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { test } from "node:test";
import { nameOf, Sockets } from "./sockets.ts";

let port = 0;

function socketOf(address: string): Socket & { isGone(): boolean } {
  port += 1;
  let gone = false;
  const socket = Object.assign(new EventEmitter(), {
    remoteAddress: address,
    remotePort: port,
    localAddress: "127.0.0.1",
    isGone: () => gone,
    destroy() {
      gone = true;
      socket.emit("close");
    },
  });
  return socket as unknown as Socket & { isGone(): boolean };
}

test("the oldest connection that carries nothing makes room for a new one; those in use stay", () => {
  const sockets = new Sockets({ maxConnections: 3, maxConnectionsPerAddress: 3 });
  const [used, idle, other, late] = [socketOf("a"), socketOf("a"), socketOf("b"), socketOf("c")] as const;
  for (const socket of [used, idle, other]) assert.equal(sockets.admit(socket), undefined);
  sockets.setIdle(nameOf(used), false);
  assert.equal(sockets.admit(late), undefined);
  assert.deepEqual(
    [used, idle, other, late].map((socket) => socket.isGone()),
    [false, true, false, false],
  );
  for (const socket of [other, late]) sockets.setIdle(nameOf(socket), false);
  assert.match(sockets.admit(socketOf("d")) ?? "", /there are 3 connections already; see --max-connections/);
  late.destroy();
  assert.equal(sockets.admit(socketOf("d")), undefined);
  assert.equal(sockets.size, 3);
});

test("an address has its own limit, and its own idle connections make room for it", () => {
  const sockets = new Sockets({ maxConnections: 10, maxConnectionsPerAddress: 2 });
  const [elsewhere, first, second, third] = [socketOf("b"), socketOf("a"), socketOf("a"), socketOf("a")] as const;
  for (const socket of [elsewhere, first, second]) assert.equal(sockets.admit(socket), undefined);
  sockets.setIdle(nameOf(first), false);
  assert.equal(sockets.admit(third), undefined);
  assert.deepEqual(
    [elsewhere, first, second].map((socket) => socket.isGone()),
    [false, false, true],
  );
  sockets.setIdle(nameOf(third), false);
  assert.match(sockets.admit(socketOf("a")) ?? "", /its address has 2 connections already/);
  sockets.setIdle(nameOf(third), true);
  assert.equal(sockets.admit(socketOf("a")), undefined);
});
