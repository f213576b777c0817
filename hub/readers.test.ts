import assert from "node:assert/strict";
import { test } from "node:test";
import { fail, ok } from "../model/result.ts";
import { startHub } from "./testing/scene.ts";

test("the API answers readers alone; health, metrics and the description answer everybody; streams end when others may read", async (t) => {
  let changed = () => {};
  const { hub, ask, openStream } = await startHub(
    {},
    {
      readers: {
        check(authorization) {
          if (authorization === "Bearer reader") return ok(undefined);
          return authorization === "Bearer proxy" ? fail("Forbidden", "not for you") : fail("Unauthorized", "who are you");
        },
        onChange(listener) {
          changed = listener;
          return () => {};
        },
      },
    },
  );
  t.after(() => hub.close());
  for (const path of ["/api/v1/filters", "/api/v1/proxies", "/api/v1/events", "/api/v1/nothing", "/api/x"]) {
    for (const method of ["GET", "HEAD"]) {
      const refused = await ask(path, { method });
      assert.deepEqual([refused.status, refused.headers["www-authenticate"]], [401, "Bearer"], path);
      assert.equal((await ask(path, { method, headers: { authorization: "Bearer proxy" } })).status, 403);
    }
  }
  for (const path of ["/healthz", "/readyz", "/metrics", "/openapi.json"]) assert.equal((await ask(path)).status, 200, path);
  const headers = { authorization: "Bearer reader" };
  assert.equal((await ask("/api/v1/filters", { headers })).status, 200);
  const { response } = await openStream(headers);
  const ended = new Promise<void>((resolve) => response.on("end", resolve));
  response.resume();
  changed();
  await ended;
});

test("an address for health alone answers nothing else", async (t) => {
  const { hub, ask } = await startHub({}, { healthOnly: true });
  t.after(() => hub.close());
  for (const path of ["/healthz", "/readyz", "/metrics"]) assert.equal((await ask(path)).status, 200, path);
  for (const path of ["/api/v1/filters", "/api/v1/events", "/openapi.json"]) assert.equal((await ask(path)).status, 404, path);
});
