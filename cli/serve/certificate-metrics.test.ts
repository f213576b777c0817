import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { createAuthority, fixedAuthority } from "../../cluster/index.ts";
import type { Clock } from "../../model/clock.ts";
import { silentLog } from "../../model/log.ts";
import { registerCertificateMetrics } from "./certificate-metrics.ts";
import { openOwnTls } from "./tls-auto.ts";

const DAY_MS = 86_400_000;

test("the ends of the certificates that are served now", async () => {
  let now = Date.parse("2026-01-01T00:00:00Z");
  let due = () => {};
  const clock: Clock = {
    now: () => now,
    after(_ms, work) {
      due = work;
      return () => {};
    },
  };
  const tls = openOwnTls(fixedAuthority(createAuthority("Weir", now, 365 * DAY_MS)), [], clock);
  const registry = new Registry();
  registerCertificateMetrics(registry, tls);
  const ends = async () => {
    const found = (await registry.metrics()).matchAll(/certificate="(\w+)"\} (\d+)/g);
    return Object.fromEntries([...found].map(([, name, seconds]) => [name, (Number(seconds) * 1_000 - now) / DAY_MS]));
  };
  assert.deepEqual(await ends(), { server: 7, authority: 365 });
  tls.watch({ setSecureContext() {} }, silentLog);
  now += 5 * DAY_MS;
  due();
  assert.deepEqual(await ends(), { server: 7, authority: 360 });
});

test("without TLS there is nothing that ends", async () => {
  const registry = new Registry();
  registerCertificateMetrics(registry, undefined);
  assert.doesNotMatch(await registry.metrics(), /^weir_certificate_end_timestamp_seconds\{/m);
});
