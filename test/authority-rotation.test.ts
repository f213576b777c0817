import assert from "node:assert/strict";
import { test } from "node:test";
import { createAuthority } from "../cluster/index.ts";
import { eventually } from "./support/process.ts";
import { clientOf, give, HOUR, issuerShown, startRotationProxy, startRotationWorld } from "./support/rotation.ts";
import { stat } from "./support/scene.ts";
import { get, startTraffic } from "./support/traffic.ts";

const PAST = "2026-01-01T00:00:00Z";

test("server certificate and authority rotate under traffic: no request fails, no stream is dropped, then both sides are on the new one", async (t) => {
  const world = await startRotationWorld(t);
  const { server, secret, annotate } = world;
  await world.release("one");
  const first = await secret();
  const old = { cert: String(first["ca.crt"]), key: String(first["ca.key"]) };
  const proxies = await Promise.all(["web-1", "web-2"].map((node) => startRotationProxy(t, world, node, clientOf(old, node), old.cert)));
  const marks = async () => (await Promise.all(proxies.map(({ port }) => get(port)))).map(({ headers }) => headers["x-weir"]).join();
  await eventually("the first release", async () => (await marks()) === "one,one", 30_000);
  const traffics = proxies.map(({ port }) =>
    startTraffic({ port, clients: 2, pauseMs: 10, filtered: ({ headers }) => headers["x-weir"] !== undefined }),
  );
  const connections = () => Promise.all(proxies.map(({ envoy }) => stat(envoy, "cluster.weir_xds.upstream_cx_total")));
  const before = await connections();

  await annotate("weir.dev/rotate=1");
  const next = await eventually("a next authority", async () => (await secret())["next.crt"]);
  for (const { node, folder } of proxies) await give(folder, "both", clientOf(old, node), `${old.cert}${next}`);
  assert.equal(await issuerShown(server.xdsPort, { old: old.cert, next }), "old");
  await annotate(`weir.dev/next-signs-at=${PAST}`);
  await eventually("the next one to sign", async () => (await issuerShown(server.xdsPort, { old: old.cert, next })) === "next");
  await world.release("two");
  await eventually("the second release", async () => (await marks()) === "two,two", 30_000);
  assert.deepEqual(await connections(), before, "the streams of before are open");

  const signing = await eventually("the next one's key", async () => {
    const { "ca.crt": cert = "", "ca.key": key = "" } = await secret();
    return cert === next ? { cert, key } : undefined;
  });
  for (const { node, folder } of proxies) await give(folder, "new", clientOf(signing, node), next);
  await annotate(`weir.dev/previous-counts-until=${PAST}`);
  await eventually("connections anew", async () => (await connections()).every((count, index) => (count ?? 0) > (before[index] ?? 0)));
  await world.release("three");
  await eventually("the third release", async () => (await marks()) === "three,three", 30_000);
  assert.deepEqual(Object.keys(await secret()).sort(), ["ca.crt", "ca.key"]);

  const totals = await Promise.all(traffics.map((traffic) => traffic.stop()));
  t.diagnostic(totals.map(({ sent, failed, unfiltered }) => `${sent} requests, ${failed} failed, ${unfiltered} unfiltered`).join("; "));
  for (const { failed, unfiltered, samples } of totals) assert.deepEqual([failed, unfiltered], [0, 0], samples.join("\n"));

  // Who comes with the old one, with one that has ended, or with a stranger's is refused with words.
  const strangers = { ...clientOf(createAuthority("stranger", Date.now(), HOUR), "web-1") };
  const ended = clientOf(signing, "web-1", Date.now() - 2 * HOUR, HOUR);
  for (const [version, certificate, words] of [
    ["old", clientOf(old, "web-1"), /the client certificate does not lead to an authority that this server trusts/],
    ["strange", strangers, /the client certificate does not lead to an authority that this server trusts/],
    ["early", clientOf(signing, "web-1", Date.now() + 2 * HOUR), /the client certificate is not valid yet by this server's clock/],
    ["ended", ended, /the client certificate ended at 20/],
  ] as const) {
    const from = server.logs().length;
    const proxy = await startRotationProxy(t, world, `web-${version}`, certificate, next);
    await eventually("words", async () => words.test(server.logs().slice(from)), 30_000);
    await proxy.envoy.stop();
  }
  assert.equal(await marks(), "three,three");
  const key = Buffer.from(signing.key.replaceAll(/-----[^-]+-----|\s/g, ""), "base64")
    .toString("base64")
    .slice(0, 40);
  assert.ok(!server.logs().includes(key) && !server.logs().includes("PRIVATE KEY"), "no key in the log");
});

test("with three replicas there is one authority: each signs by the next one when that signs, none is lost to the others, and no proxy", async (t) => {
  const world = await startRotationWorld(t, 3);
  const { servers, secret, annotate } = world;
  await world.release("one");
  const first = await secret();
  const old = { cert: String(first["ca.crt"]), key: String(first["ca.key"]) };
  const proxies = await Promise.all(
    servers.map((server, index) => startRotationProxy(t, world, `web-${index}`, clientOf(old, `web-${index}`), old.cert, server)),
  );
  const answer = async (value: string) =>
    (await Promise.all(proxies.map(({ port }) => get(port)))).every(({ headers }) => headers["x-weir"] === value);
  await eventually("the first release", () => answer("one"), 30_000);
  const traffics = proxies.map(({ port }) =>
    startTraffic({ port, clients: 1, pauseMs: 10, filtered: ({ headers }) => headers["x-weir"] !== undefined }),
  );
  const shown = (authorities: Readonly<Record<string, string>>) =>
    Promise.all(servers.map(({ xdsPort }) => issuerShown(xdsPort, authorities)));
  /** Every replica reaches the two others and hears who decides. */
  const areTogether = async () => {
    const told = await Promise.all(servers.map(({ metrics }) => metrics()));
    return told.every((text) => /^weir_peers\{state="reached"\} 2$/m.test(text) && /^weir_leader_heard 1$/m.test(text));
  };
  await eventually("all to reach each other", areTogether);

  await annotate("weir.dev/rotate=1");
  const next = await eventually("a next authority", async () => (await secret())["next.crt"]);
  for (const { node, folder } of proxies) await give(folder, "both", clientOf(old, node), `${old.cert}${next}`);
  const both = { old: old.cert, next };
  assert.deepEqual(await shown(both), ["old", "old", "old"]);
  await annotate(`weir.dev/next-signs-at=${PAST}`);
  await eventually("the next one to sign everywhere", async () => (await shown(both)).every((each) => each === "next"), 60_000);
  // Calls between replicas are made anew, with certificates of the next one.
  await servers[2]?.stop();
  await servers[2]?.start();
  await eventually("all to reach each other again", areTogether, 60_000);
  await world.release("two");
  await eventually("the second release", () => answer("two"), 60_000);

  const signing = await eventually("the next one's key", async () => {
    const { "ca.crt": cert = "", "ca.key": key = "" } = await secret();
    return cert === next ? { cert, key } : undefined;
  });
  for (const { node, folder } of proxies) await give(folder, "new", clientOf(signing, node), next);
  await annotate(`weir.dev/previous-counts-until=${PAST}`);
  await eventually(
    "the previous one to be gone",
    async () =>
      Object.keys(await secret())
        .sort()
        .join() === "ca.crt,ca.key",
    60_000,
  );
  await eventually("all to reach each other by the next one alone", areTogether, 60_000);
  await world.release("three");
  await eventually("the third release", () => answer("three"), 60_000);
  const totals = await Promise.all(traffics.map((traffic) => traffic.stop()));
  t.diagnostic(totals.map(({ sent, failed, unfiltered }) => `${sent} requests, ${failed} failed, ${unfiltered} unfiltered`).join("; "));
  for (const { failed, unfiltered, samples } of totals) assert.deepEqual([failed, unfiltered], [0, 0], samples.join("\n"));
});
