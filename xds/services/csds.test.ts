import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import type { ChainEntry } from "../../model/delivery.ts";
import { silentLog } from "../../model/log.ts";
import { chainName, chainVersion } from "../envoy/chain.ts";
import { dialectOf } from "../envoy/dialect.ts";
import { ClientStatusRequest, ClientStatusResponse, ConfigStatus } from "../gen/envoy/service/status/v3/csds.ts";
import { status } from "../grpc/status.ts";
import { createXdsServer } from "../index.ts";
import { typeUrls } from "../protocol/resource.ts";
import { connect } from "../testing/client.ts";
import { entryFixture } from "../testing/entry.ts";
import { oneModule } from "../testing/modules.ts";

/** Of proxies that tell no version. */
const dialect = dialectOf(false, "");

const ECDS = typeUrls.extensionConfig;
const SERVICE = "/envoy.service.status.v3.ClientStatusDiscoveryService";
const slot = chainName("default");
const a = entryFixture("a");
const identity = (bytes: Buffer) => bytes;

async function start(t: TestContext) {
  const clock = { now: () => 5_000, after: () => () => {} };
  const server = createXdsServer({ address: "127.0.0.1:0", log: silentLog, clock, modules: oneModule() });
  const { port } = await server.listen();
  const tool = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  t.after(async () => {
    tool.close();
    await server.close();
  });
  const proxy = async (id: string) => {
    const client = connect({ port, variant: "delta", node: { id, metadata: { NAMESPACE: "shop" } } });
    t.after(() => client.close());
    client.subscribe(ECDS, [slot]);
    await client.expectSilence();
    return client;
  };
  const assign = (id: string, chain: readonly ChainEntry[]) => server.fleet.assign(`shop/${id}`, new Map([["default", chain]]));
  const fetch = (request: ClientStatusRequest = {}) =>
    new Promise<ClientStatusResponse>((resolve, reject) => {
      const bytes = Buffer.from(ClientStatusRequest.encode(request).finish());
      tool.makeUnaryRequest(`${SERVICE}/FetchClientStatus`, identity, identity, bytes, (error, value) => {
        if (error || value === undefined) reject(error);
        else resolve(ClientStatusResponse.decode(value));
      });
    });
  const statusOf = async (id: string) => {
    const { config = [] } = await fetch({ nodeMatchers: [{ nodeId: { matchPattern: { $case: "exact", exact: id } } }] });
    return config[0]?.genericXdsConfigs?.[0];
  };
  return { proxy, assign, fetch, statusOf, tool };
}

describe("the client status discovery service", () => {
  test("CSDS tells of each resource whether the client has it, is being sent it, or rejected it", async (t) => {
    const { proxy, assign, statusOf } = await start(t);
    const client = await proxy("web-1");
    assert.equal((await statusOf("web-1"))?.configStatus, ConfigStatus.NOT_SENT);
    assign("web-1", [a]);
    const response = await client.next();
    const sent = await statusOf("web-1");
    assert.deepEqual([sent?.typeUrl, sent?.name, sent?.versionInfo], [ECDS, slot, chainVersion("default", [a], dialect)]);
    assert.equal(sent?.configStatus, ConfigStatus.STALE);
    client.ack(response);
    await client.expectSilence();
    assert.equal((await statusOf("web-1"))?.configStatus, ConfigStatus.SYNCED);
    assert.equal((await statusOf("web-1"))?.xdsConfig, undefined, "contents stay here");
    const bad = [{ ...a, hash: "bad" }];
    assign("web-1", bad);
    client.nack(await client.next(), "Unable to create Wasm plugin shop/a");
    client.ack(await client.next());
    await client.expectSilence();
    const rejected = await statusOf("web-1");
    assert.equal(rejected?.configStatus, ConfigStatus.ERROR);
    assert.equal(rejected?.versionInfo, chainVersion("default", [a], dialect), "what it holds is the last good one");
    assert.equal(rejected?.errorState?.details, "Unable to create Wasm plugin shop/a");
    assert.equal(rejected?.errorState?.versionInfo, chainVersion("default", bad, dialect));
    assert.equal(rejected?.errorState?.lastUpdateAttempt?.getTime(), 5_000);
  });

  test("CSDS shows every client, or those whose node id matches, and refuses matchers it does not know", async (t) => {
    const { proxy, fetch, tool } = await start(t);
    for (const id of ["web-1", "web-2", "api-1"]) await proxy(id);
    const ids = async (request?: ClientStatusRequest) => ((await fetch(request)).config ?? []).map(({ node }) => node?.id).sort();
    assert.deepEqual(await ids(), ["api-1", "web-1", "web-2"]);
    assert.deepEqual(await ids({ nodeMatchers: [{ nodeId: { matchPattern: { $case: "prefix", prefix: "WEB" }, ignoreCase: true } }] }), [
      "web-1",
      "web-2",
    ]);
    assert.deepEqual(await ids({ nodeMatchers: [{ nodeId: { matchPattern: { $case: "suffix", suffix: "-1" } } }] }), ["api-1", "web-1"]);
    assert.deepEqual(await ids({ nodeMatchers: [{ nodeId: { matchPattern: { $case: "contains", contains: "pi" } } }] }), ["api-1"]);
    const regex = { nodeMatchers: [{ nodeId: { matchPattern: { $case: "safeRegex", safeRegex: { regex: ".*" } } } }] } as const;
    await assert.rejects(
      fetch({ nodeMatchers: [...regex.nodeMatchers] }),
      ({ code, details }: ServiceError) => code === status.invalidArgument && /safeRegex/.test(details),
    );
    const stream = tool.makeBidiStreamRequest(`${SERVICE}/StreamClientStatus`, identity, identity);
    for (let times = 0; times < 2; times++) {
      stream.write(Buffer.from(ClientStatusRequest.encode({}).finish()));
      const [bytes] = await new Promise<[Buffer]>((resolve) => stream.once("data", (data: Buffer) => resolve([data])));
      assert.equal(ClientStatusResponse.decode(bytes).config?.length, 3);
    }
    stream.end();
  });
});
