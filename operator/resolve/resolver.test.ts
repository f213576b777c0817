import assert from "node:assert/strict";
import { test } from "node:test";
import { failForNow } from "../../model/result.ts";
import { createWorld, specOf } from "../testing/world.ts";

const IMAGE = "registry.example/filters/add-header:1";

test("a registry that neither answers nor refuses is given up after five minutes, said so, and tried again", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  const { resolve } = world.registry;
  let asked = 0;
  world.registry.resolve = (_image, _pin, { signal }) => {
    asked++;
    const { promise, resolve: settle } = Promise.withResolvers<ReturnType<typeof failForNow>>();
    signal?.addEventListener("abort", () => settle(failForNow("Canceled", "The request was canceled.")));
    return promise;
  };
  await world.start();
  world.source.apply("add-header", specOf(IMAGE));
  await world.run(299_000);
  const resolved = () => world.source.statusOf("add-header")?.conditions?.find(({ type }) => type === "Resolved");
  assert.equal(resolved()?.reason, "Pending");
  await world.run(1_500);
  assert.deepEqual([resolved()?.status, resolved()?.reason, asked], ["False", "ResolveTimeout", 1]);
  assert.match(resolved()?.message ?? "", /longer than 5 minutes.*tried again with backoff/);
  world.registry.resolve = resolve;
  await world.run(2_000);
  assert.equal(resolved()?.status, "True");
});

test("an error that nobody expected is not quoted where the filter reads a Secret", async () => {
  const world = createWorld();
  world.registry.push(IMAGE, "v1");
  world.source.setSecret("conf", { k: "hunter2" });
  world.registry.pull = () => Promise.reject(new TypeError("hunter2 is an invalid header value"));
  await world.start();
  world.source.apply("open", specOf(IMAGE));
  world.source.apply("closed", specOf(IMAGE, { configFrom: { secretKeyRef: { name: "conf", key: "k" } } }));
  await world.run(2_000);
  const message = (name: string) => world.source.statusOf(name)?.conditions?.find(({ type }) => type === "Resolved")?.message ?? "";
  assert.match(message("open"), /unexpected: hunter2 is an invalid header value/);
  assert.match(message("closed"), /unexpected: TypeError; the filter reads a Secret, so no more is shown/);
});
