import assert from "node:assert/strict";
import { test } from "node:test";
import { createPaint } from "../render/paint.ts";
import { createVoice } from "./voice.ts";

test("requests and logs are left out while nobody reads, and counted; what matters is told", () => {
  let [written, waiting] = ["", 0];
  const terminal = {
    out(text: string | Uint8Array) {
      written += text;
    },
    now: () => new Date(2026, 0, 1, 12, 0, 5).getTime(),
    unread: () => waiting,
  };
  const voice = createVoice(terminal, createPaint(false));
  voice.logged("auth", "info", "a\nb");
  waiting = 2 << 20;
  voice.logged("auth", "info", "lost");
  voice.passing(() => assert.fail("rendered for nobody"));
  voice.say("reloaded\n  why\n");
  waiting = 0;
  voice.passing(() => "GET / 200");
  assert.equal(
    written,
    [
      "12:00:05 auth info a b",
      "12:00:05 reloaded",
      "           why",
      "12:00:05 2 requests and lines of logs are left out, since nobody read them",
      "12:00:05 GET / 200",
      "",
    ].join("\n"),
  );
});
