import { test } from "node:test";
import { setting } from "../xds/testing/raw-http2.ts";
import { data, METHODS, opening, rawConnection, startVictim } from "./support/attack.ts";
import { startDeltaProxy } from "./support/delta-proxy.ts";

const CLOSED_WINDOW = [[setting.initialWindowSize, 0]] as const;

test("a client that asks again and again and takes no answer has one answer waiting, and nobody notices", async (t) => {
  const { server, during } = await startVictim(t);
  const attack = async (path: string, perFrame: number, frames: number) => {
    const raw = await rawConnection(server.xdsPort, CLOSED_WINDOW);
    await raw.write(opening(1, path));
    let asked = 0;
    for (let count = 0; count < frames && !raw.isClosed(); count++) {
      await raw.write(data(1, Buffer.alloc(5 * perFrame)));
      asked += perFrame;
    }
    await new Promise((done) => setTimeout(done, 1_500));
    raw.socket.destroy();
    return `${asked} empty requests`;
  };
  await during("Health/Watch", () => attack(METHODS.watch, 3_000, 500));
  const names = Array.from({ length: 4_900 }, (_, index) => `other/${index}`);
  const big = startDeltaProxy(server.xdsPort, { id: "big", namespace: "x", filterChain: true, names });
  t.after(() => big.close());
  await during("StreamClientStatus, with a proxy of 4,900 names", () => attack(METHODS.clientStatus, 20, 500));
});

test("thousands of requests in one frame are answered in turns with everybody else", async (t) => {
  const { server, during } = await startVictim(t);
  const names = Array.from({ length: 4_900 }, (_, index) => `other/${index}`);
  const big = startDeltaProxy(server.xdsPort, { id: "big", namespace: "x", filterChain: true, names });
  t.after(() => big.close());
  await new Promise((done) => setTimeout(done, 500));
  await during("1,000 requests of StreamClientStatus in one frame, on each of 20 streams", async () => {
    const raw = await rawConnection(server.xdsPort, [[setting.initialWindowSize, 2 ** 30]]);
    for (let stream = 1; stream < 40; stream += 2)
      await raw.write(opening(stream, METHODS.clientStatus), data(stream, Buffer.alloc(5_000)));
    await new Promise((done) => setTimeout(done, 4_000));
    raw.socket.destroy();
    return undefined;
  });
});
