import assert from "node:assert/strict";
import { test } from "node:test";
import { typeUrls } from "./resource.ts";
import { resourceOf, startDiscovery, variants } from "./testing/discovery.ts";

const { extensionConfig: ECDS, cluster: CDS, endpoint: EDS, listener: LDS, route: RDS } = typeUrls;

for (const way of variants) {
  test(`a subscribed resource is sent once, with its content and version (${way.name})`, async (t) => {
    const { cache, connect } = await startDiscovery(t);
    cache.put("test", resourceOf(way.typeUrl, "a", "1"));
    const client = connect(way);
    client.subscribe(way.typeUrl, ["a"]);
    const response = await client.next();
    assert.deepEqual([...response.resources.keys()], ["a"]);
    assert.equal(response.version, "1");
    client.ack(response);
    await client.expectSilence();
  });
}
void [ECDS, CDS, EDS, LDS, RDS];
