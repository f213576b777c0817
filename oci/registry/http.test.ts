import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Clock } from "../../model/clock.ts";
import { findImage } from "../image/image.ts";
import { httpOptions } from "../open.ts";
import { reply } from "../testing/fake-registry.ts";
import { type Intercept, MODULE, onBlob, withRemote } from "../testing/remote.ts";
import { failed, valued } from "../testing/result.ts";
import { createRemoteRepository } from "./client.ts";

/** A clock whose timers fire when told to. */
function handClock(): Clock & { fire(): void; pending(): number; armed(): number } {
  const timers = new Set<() => void>();
  let armed = 0;
  return {
    now: () => 0,
    armed: () => armed,
    after(_ms, run) {
      armed++;
      timers.add(run);
      return () => void timers.delete(run);
    },
    fire() {
      for (const run of [...timers]) run();
    },
    pending: () => timers.size,
  };
}

describe("time", () => {
  test("a registry that falls silent is given up, before its answer or in the middle of a blob", async () => {
    const reached = Promise.withResolvers<void>();
    const silent: Intercept = () => {
      reached.resolve();
      return true;
    };
    await withRemote(silent, async ({ open }) => {
      const clock = handClock();
      const asking = findImage(open({ clock }), "v1");
      await reached.promise;
      clock.fire();
      assert.match(failed(await asking, "RegistryUnavailable").message, /did not answer in time/);
      assert.equal(clock.pending(), 0);
    });
    const clock = handClock();
    /** Fires once the client has seen the first bytes: a sign of life arms its timer anew. */
    const fireAfterLife = (armed: number): unknown => (clock.armed() > armed ? clock.fire() : setImmediate(() => fireAfterLife(armed)));
    const stalled = onBlob((_request, response) => {
      response.writeHead(200, { "content-length": MODULE.byteLength });
      response.write(MODULE.subarray(0, 10));
      fireAfterLife(clock.armed());
    });
    await withRemote(stalled, async ({ module, open }) => {
      const asking = module(open({ clock }));
      const failure = failed(await asking, "TruncatedBlob");
      assert.match(failure.message, /did not answer in time/);
    });
  });

  test("a blob that trickles is given up for its slowness, and asked for once", async () => {
    const trickle = onBlob((_request, response) => {
      response.writeHead(200, { "content-length": MODULE.byteLength });
      const timer = setInterval(() => response.write("x"), 10);
      response.on("close", () => clearInterval(timer));
    });
    await withRemote(trickle, async ({ module, open, fake }) => {
      const failure = failed(await module(open({ idleTimeoutMs: 150 })), "RegistryUnavailable");
      assert.match(failure.message, /sends less than 16 KiB a second/);
      assert.equal(failure.retryable, true);
      assert.equal(fake.requests.filter(({ path }) => path.includes("/blobs/")).length, 1);
    });
  });

  test("no timer outlives a pull", async () => {
    await withRemote(
      () => false,
      async ({ module, open }) => {
        const clock = handClock();
        valued(await module(open({ clock })));
        assert.equal(clock.pending(), 0);
      },
    );
  });
});

describe("hosts", () => {
  test("a redirect back to the registry does not bring the header back, and a loop of redirects ends", async () => {
    const looping: Intercept = (request, response) => {
      if (!request.url?.includes("/blobs/")) return false;
      reply(response, 302, { location: request.url });
      return true;
    };
    await withRemote(looping, async ({ module, fake }) => {
      assert.match(failed(await module(), "RegistryUnavailable").message, /redirects more than/);
      assert.ok(fake.requests.length < 12);
    });
  });

  test("Docker Hub's API has its own host; hosts named for plain HTTP get it", async () => {
    const urls: string[] = [];
    const http = httpOptions({
      plainHttp: ["registry.local:5000"],
      fetch: async (url) => {
        urls.push(url);
        return new Response(null, { status: 404 });
      },
    });
    for (const registry of [
      "docker.io",
      "registry.local:5000",
      "registry.local:5001",
      "localhost:5000",
      "127.1.2.3",
      "[::1]:5000",
      "127.0.0.1.evil.example",
    ]) {
      await createRemoteRepository(
        { kind: "registry", registry, repository: "a", tag: "v1", digest: undefined },
        { http, credentials: [] },
      ).peek("v1");
    }
    assert.deepEqual(
      urls.map((url) => new URL(url).origin),
      [
        "https://registry-1.docker.io",
        "http://registry.local:5000",
        "https://registry.local:5001",
        "http://localhost:5000",
        "http://127.1.2.3",
        "http://[::1]:5000",
        "https://127.0.0.1.evil.example",
      ],
    );
  });
});
