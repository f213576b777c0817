import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { listen } from "../../base/listen.ts";
import { openForward } from "./forward.ts";

test("each connection is joined to the other end; one whose end is gone ends, and the next is joined anew", async (t) => {
  const ends: Socket[] = [];
  const other = createServer((socket) => {
    ends.push(socket);
    socket.on("data", (data) => socket.write(`${ends.length}:${data}`));
  });
  const { port: target } = await listen(other, { host: "127.0.0.1", port: 0 });
  t.after(() => other.close());
  let isThere = true;
  const told: (string | undefined)[] = [];
  const forward = await openForward({
    port: 0,
    async dial(socket, onEnd) {
      if (!isThere) throw new Error("no pod is ready");
      const end = connect(target, "127.0.0.1");
      end.on("close", onEnd);
      socket.pipe(end).pipe(socket);
      return { close: () => end.destroy() };
    },
    onTrouble: (why) => told.push(why),
  });
  const open = () => connect(forward.port, "127.0.0.1");
  const say = async (socket: Socket, text: string) => {
    socket.write(text);
    return String((await once(socket, "data"))[0]);
  };
  const first = open();
  assert.equal(await say(first, "hello"), "1:hello");
  const ended = once(first, "close");
  for (const end of ends) end.destroy();
  await ended;
  isThere = false;
  for (let count = 0; count < 2; count++) await once(open().resume(), "close");
  isThere = true;
  const again = open();
  assert.equal(await say(again, "back"), "2:back");
  assert.deepEqual(told, ["no pod is ready", undefined]);
  again.destroy();
  forward.close();
  const refused = open();
  assert.equal((await once(refused, "error"))[0].code, "ECONNREFUSED");
});
