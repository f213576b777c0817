import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, test } from "node:test";
import { reservable, reservePort, startOnReservedPort } from "./ports.ts";

describe("reserved ports", () => {
  test("are those that the kernel gives to nobody, and all where it gives any", () => {
    assert.deepEqual(reservable([32_768, 60_999]), [
      [10_000, 32_767],
      [61_000, 65_535],
    ]);
    assert.deepEqual(reservable([49_152, 65_535]), [[10_000, 49_151]]);
    assert.deepEqual(reservable([9_000, 60_000]), [[60_001, 65_535]]);
    assert.deepEqual(reservable([1_024, 65_535]), [[10_000, 65_535]]);
  });

  test("are given once, can be bound, and bound again after", async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, reservePort));
    assert.equal(new Set(ports).size, ports.length);
    for (const port of [...ports, ...ports]) {
      const server = createServer().listen(port, "127.0.0.1");
      await once(server, "listening");
      assert.equal((server.address() as AddressInfo).port, port);
      server.close();
      await once(server, "close");
    }
  });

  test("a server whose port was taken meanwhile starts on another one; any other failure is told at once", async () => {
    const asked: number[] = [];
    const started = await startOnReservedPort(async (port) => {
      asked.push(port);
      if (asked.length < 3) throw new Error(`listen tcp 127.0.0.1:${port}: bind: address already in use`);
      return port;
    });
    assert.equal(started, asked[2]);
    assert.equal(new Set(asked).size, 3);
    let starts = 0;
    await assert.rejects(
      startOnReservedPort(async () => {
        starts++;
        throw new Error("no such file");
      }),
      /no such file/,
    );
    assert.equal(starts, 1);
  });
});
