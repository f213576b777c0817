import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { type HubScene, startHub } from "./testing/scene.ts";
import type { ChangeEvent } from "./views.ts";

let scene: HubScene;

beforeEach(async () => {
  scene = await startHub();
});

afterEach(() => scene.hub.close());

function event(message: string): ChangeEvent {
  return { time: "2026-01-01T00:00:00Z", filter: "shop/add-header", type: "Normal", reason: "Validated", message };
}

/** Readers the hub holds, seen from outside: with a limit of two, a third is admitted only when one was dropped. */
async function hubReaders(): Promise<number> {
  const { call, response } = await scene.openStream();
  call.destroy();
  return response.statusCode === 200 ? 1 : 2;
}

describe("the event stream", () => {
  test("events reach every reader as server-sent events", async () => {
    const streams = [await scene.openStream(), await scene.openStream()];
    const texts = streams.map(
      ({ response }) =>
        new Promise<string>((resolve) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk) => {
            text += chunk;
            if (text.includes("two\\nlines")) resolve(text);
          });
        }),
    );
    for (const listener of scene.listeners) listener(event("two\nlines"));
    for (const text of await Promise.all(texts)) {
      const data = /^event: change\ndata: (.*)\n\n/m.exec(text)?.[1] ?? "";
      assert.deepEqual(JSON.parse(data), event("two\nlines"));
    }
    for (const { call } of streams) call.destroy();
  });

  test("the stream is never compressed or kept", async () => {
    const { call, response } = await scene.openStream();
    assert.equal(response.headers["content-type"], "text/event-stream");
    assert.equal(response.headers["cache-control"], "no-store");
    assert.equal(response.headers["content-encoding"], undefined);
    call.destroy();
  });
});

describe("a reader that comes back", () => {
  /** What a stream says first, up to a part. */
  async function greeting(lastEventId: string | undefined, until: RegExp): Promise<string> {
    const { call, response } = await scene.openStream(lastEventId === undefined ? {} : { "last-event-id": lastEventId });
    response.setEncoding("utf8");
    let text = "";
    for await (const chunk of response) {
      text += chunk;
      if (until.test(text)) break;
    }
    call.destroy();
    return text;
  }
  const tell = (message: string) => {
    for (const listener of scene.listeners) listener(event(message));
  };

  test("is told what it missed, although nobody was there", async () => {
    tell("before");
    const [, place = ""] = /^id: (.*)$/m.exec(await greeting(undefined, /\n\n/)) ?? [];
    assert.match(place, /^[0-9a-f]{8}-1$/);
    tell("one");
    tell("two");
    const text = await greeting(place, /two/);
    assert.deepEqual(
      [...text.matchAll(/"message":"(\w+)"/g)].map(([, message]) => message),
      ["one", "two"],
    );
    const last = [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? "";
    const nothing = await greeting(last, /\n\n/);
    assert.doesNotMatch(nothing, /^event:/m);
    assert.ok(nothing.includes(`id: ${last}\n`));
  });

  test("is told to read all again where that is not known any more, and where to begin", async () => {
    tell("one");
    const text = await greeting("deadbeef-3", /\n\n/);
    assert.match(text, /^event: reset$/m);
    assert.match(text, /read all again/);
    const [, place = ""] = /^id: (.*)$/m.exec(text) ?? [];
    tell("two");
    assert.match(await greeting(place, /two/), /^event: change$/m);
    const hostile = await greeting("x".repeat(5_000), /\n\n/);
    assert.match(hostile, /^event: reset$/m);
    assert.doesNotMatch(hostile, /xxx/);
  });
});

describe("readers of the event stream", () => {
  test("one reader too many is told to come back, and may once another left", async () => {
    const first = await scene.openStream();
    const second = await scene.openStream();
    const refused = await scene.ask("/api/v1/events");
    assert.equal(refused.status, 503);
    assert.equal(refused.headers["retry-after"], "5");
    first.call.destroy();
    second.call.destroy();
    for (;;) {
      const { call, response } = await scene.openStream();
      call.destroy();
      if (response.statusCode === 200) break;
    }
  });

  test("a reader that does not read is dropped, and the others keep their events", async () => {
    const slow = await scene.openStream();
    slow.response.pause();
    const dropped = new Promise<void>((resolve) => {
      slow.response.once("error", () => resolve());
      slow.response.once("close", () => resolve());
    });
    const quick = await scene.openStream();
    let received = 0;
    quick.response.on("data", (chunk: Buffer) => {
      received += chunk.toString().split("event: change").length - 1;
    });
    // Enough to fill the kernel's socket buffers and then the bound of 4 KiB, a turn of the loop at a time.
    let sent = 0;
    const filler = "x".repeat(32 * 1024);
    const sending = setInterval(() => {
      for (const listener of scene.listeners) listener(event(filler));
      sent++;
    }, 1);
    const stillSubscribed = () => new Promise<number | undefined>((resolve) => setImmediate(() => resolve(undefined)));
    while ((await hubReaders()) > 1) await stillSubscribed();
    clearInterval(sending);
    slow.response.resume();
    await dropped;
    while (received < sent) await stillSubscribed();
    quick.call.destroy();
  });

  test("close ends open streams and resolves", async () => {
    const { response } = await scene.openStream();
    const ended = new Promise<void>((resolve) => response.on("end", resolve));
    response.resume();
    await Promise.all([scene.hub.close(), ended]);
    assert.equal(scene.listeners.size, 0);
  });
});
