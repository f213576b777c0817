import { test } from "node:test";
import { http2Session, METHODS, silentCall, startVictim } from "./support/attack.ts";
import { startDeltaProxy } from "./support/delta-proxy.ts";

test("a client that asks again and again and takes no answer has one answer waiting, and nobody notices", async (t) => {
  const { server, during } = await startVictim(t);
  const attack = async (path: string, perWrite: number) => {
    const session = http2Session(server.xdsPort, 0);
    const call = silentCall(session, path);
    let asked = 0;
    const end = performance.now() + 2_000;
    while (performance.now() < end && !call.isClosed()) {
      await Promise.race([call.write(Buffer.alloc(5 * perWrite)), call.ended]);
      asked += perWrite;
      await new Promise((done) => setTimeout(done, 1));
    }
    session.destroy();
    return `${asked} empty requests, then ${await call.ended}`;
  };
  await during("Health/Watch", () => attack(METHODS.watch, 3_000));
  const names = Array.from({ length: 4_900 }, (_, index) => `other/${index}`);
  const big = startDeltaProxy(server.xdsPort, { id: "big", namespace: "x", filterChain: true, names });
  t.after(() => big.close());
  await during("StreamClientStatus, with a proxy of 4,900 names", () => attack(METHODS.clientStatus, 20));
});

test("thousands of requests in one frame are answered in turns with everybody else", async (t) => {
  const { server, during } = await startVictim(t);
  const names = Array.from({ length: 4_900 }, (_, index) => `other/${index}`);
  const big = startDeltaProxy(server.xdsPort, { id: "big", namespace: "x", filterChain: true, names });
  t.after(() => big.close());
  await new Promise((done) => setTimeout(done, 500));
  for (const [what, path] of [
    ["StreamClientStatus", METHODS.clientStatus],
    ["Health/Watch", METHODS.watch],
    ["StreamMetrics", METHODS.metrics],
  ] as const) {
    await during(`3,000 requests of ${what} in one write, on each of 50 streams`, async () => {
      const session = http2Session(server.xdsPort, 2 ** 30);
      for (let count = 0; count < 50; count++) void silentCall(session, path).write(Buffer.alloc(15_000));
      await new Promise((done) => setTimeout(done, 2_500));
      session.destroy();
      return undefined;
    });
  }
});
