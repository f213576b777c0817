import type { ClientHttp2Session } from "node:http2";
import { test } from "node:test";
import { DeltaDiscoveryRequest } from "../xds/gen/envoy/service/discovery/v3/discovery.ts";
import { StreamMetricsMessage } from "../xds/gen/envoy/service/metrics/v3/metrics_service.ts";
import { frame } from "../xds/grpc/message.ts";
import { http2Session, METHODS, type SilentCall, silentCall, startVictim } from "./support/attack.ts";

const TYPE = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

function encode(request: DeltaDiscoveryRequest): Buffer {
  return frame([DeltaDiscoveryRequest.encode({ typeUrl: TYPE, ...request }).finish()]);
}

function nodeOf(id: string) {
  const version = { majorNumber: 1, minorNumber: 40, patch: 0 };
  return {
    id,
    metadata: { NAMESPACE: "x" },
    userAgentVersionType: { $case: "userAgentBuildVersion" as const, userAgentBuildVersion: { version } },
    extensions: [{ name: "envoy.filters.http.filter_chain" }],
  };
}

function subscribe(session: ClientHttp2Session, id: string, names: readonly string[]): SilentCall {
  const call = silentCall(session, METHODS.ads);
  void call.write(encode({ node: nodeOf(id), resourceNamesSubscribe: [...names] }));
  return call;
}

/** Not below 100 ms yet: docs/security.md says so. */
const AT_THE_BOUNDS_MS = 250;

const namesOf = (count: number, nameOf: (index: number) => string) => Array.from({ length: count }, (_, index) => nameOf(index));

test("a request with as many names as a stream may have", async (t) => {
  const { server, during } = await startVictim(t);
  const cases = [
    ["9,000 filters of one slot", 9_000, (index: number) => `weir/s/n/${index.toString(36)}`],
    ["9,000 slots", 9_000, (index: number) => `weir/s${index.toString(36)}`],
    ["9,000 names of nobody's", 9_000, (index: number) => `other/${index}`],
    ["60,000 names in one request", 60_000, (index: number) => `weir/s/n/${index.toString(36)}`],
  ] as const;
  for (const [what, count, nameOf] of cases) {
    await during(
      what,
      async () => {
        const session = http2Session(server.xdsPort, 2 ** 30);
        const call = subscribe(session, what, namesOf(count, nameOf));
        await pause(1_500);
        session.destroy();
        await pause(200);
        return await call.ended;
      },
      AT_THE_BOUNDS_MS,
    );
  }
});

test("streams that each have as many names as they may", async (t) => {
  const { server, during } = await startVictim(t);
  const cases = [
    ["9,000 short names", 9_000, (index: number) => `weir/s/n/${index.toString(36)}`],
    ["4,000 long names", 4_000, (index: number) => `weir/s/n/${index.toString(36).padEnd(500, "x")}`],
  ] as const;
  for (const [what, count, nameOf] of cases) {
    await during(
      `50 streams of ${what}`,
      async () => {
        const sessions = Array.from({ length: 50 }, () => http2Session(server.xdsPort, 0));
        const calls = sessions.map((session, index) => subscribe(session, `${what} ${index}`, namesOf(count, nameOf)));
        await pause(3_000);
        const open = calls.filter((call) => !call.isClosed()).length;
        for (const session of sessions) session.destroy();
        await pause(500);
        return `${open} stayed open`;
      },
      AT_THE_BOUNDS_MS,
    );
  }
});

test("names that come and go on one stream leave nothing behind", async (t) => {
  const { server, during } = await startVictim(t);
  await during("names that come and go", async () => {
    const session = http2Session(server.xdsPort, 2 ** 30);
    const call = subscribe(session, "restless", ["weir/s"]);
    let gone = 0;
    for (const end = performance.now() + 4_000; performance.now() < end && !call.isClosed(); gone += 200) {
      const names = namesOf(200, (index) => `weir/s${(gone + index).toString(36)}/n/f`);
      await call.write(Buffer.concat([encode({ resourceNamesSubscribe: names }), encode({ resourceNamesUnsubscribe: names })]));
    }
    await pause(300);
    const open = !call.isClosed();
    session.destroy();
    return `${gone} names came and went, ${open ? "the stream is open" : await call.ended}`;
  });
});

test("reports about many plugins of a proxy with many names", async (t) => {
  const { server, during } = await startVictim(t);
  await during("4,800 names, reports of 1,000 plugins", async () => {
    const session = http2Session(server.xdsPort, 2 ** 30);
    const node = nodeOf("wordy");
    const call = silentCall(session, METHODS.ads);
    for (let from = 0; from < 4_800; from += 1_200)
      await call.write(encode({ node, resourceNamesSubscribe: namesOf(1_200, (index) => `weir/s/n/${(from + index).toString(36)}`) }));
    await pause(500);
    const report = silentCall(session, METHODS.metrics);
    const envoyMetrics = namesOf(1_000, (index) => `wasm.n/${index}.vm_reload_failure`).map((name) => ({
      name,
      metric: [{ counter: { value: 1 } }],
    }));
    for (let sent = 0; sent < 5; sent++)
      await report.write(frame([StreamMetricsMessage.encode({ identifier: { node }, envoyMetrics }).finish()]));
    await pause(1_500);
    const open = !report.isClosed();
    session.destroy();
    return `the report is ${open ? "open" : await report.ended}`;
  });
});
