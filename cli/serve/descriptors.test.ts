import assert from "node:assert/strict";
import { test } from "node:test";
import { descriptorLimit, shareDescriptors } from "./descriptors.ts";

test("connections leave descriptors for everything else, however few there are", () => {
  for (const limit of [128, 256, 1024, 4096, 20_000, 1_048_576]) {
    const { xds, http, xdsPerAddress } = shareDescriptors(limit, {});
    assert.ok(xds + http + 16 <= limit, `${limit}: ${xds} + ${http}`);
    assert.ok(xdsPerAddress <= xds - Math.floor(xds / 4), `${limit}: another address gets in`);
  }
  assert.deepEqual(shareDescriptors(256, {}), { xds: 160, http: 32, xdsPerAddress: 120 });
  assert.deepEqual(shareDescriptors(1_048_576, {}), { xds: 16_384, http: 512, xdsPerAddress: 12_288 });
  assert.ok(shareDescriptors(65_536, {}).xdsPerAddress > 10_000, "a fleet of 10,000 proxies behind one address");
});

test("what a user asks for is what there is", () => {
  assert.deepEqual(shareDescriptors(256, { xds: 1_000 }), { xds: 1_000, http: 32, xdsPerAddress: 750 });
  assert.deepEqual(shareDescriptors(1_024, { xds: 100, perAddress: 100 }), { xds: 100, http: 128, xdsPerAddress: 100 });
  assert.deepEqual(shareDescriptors(1_024, { perAddress: 10_000 }).xdsPerAddress, shareDescriptors(1_024, {}).xds);
});

test("the limit of this process is known", { skip: process.platform !== "linux" && "reads /proc" }, () => {
  assert.ok(descriptorLimit() >= 64);
});
