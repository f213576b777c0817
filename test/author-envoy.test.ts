import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { envoyVersion, startEnvoy } from "../author/index.ts";
import { installEnvoy } from "../scripts/tools/envoy.ts";

const bootstrap = (port = 0) => `admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: inbound
    address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.echo
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}
`;

async function ownEnvoy() {
  const path = await installEnvoy();
  const version = await envoyVersion(path);
  assert.ok(version.ok);
  return { path, version: version.value };
}

test("an Envoy of an author's is started, says its ports, and ends with nothing left", async () => {
  const lines: string[] = [];
  const envoy = await ownEnvoy();
  const started = await startEnvoy({ envoy, bootstrap: bootstrap(), logLevel: "info", onLine: (line) => lines.push(line) });
  assert.ok(started.ok, JSON.stringify(started));
  const { value: running } = started;
  const ready = await running.ready();
  assert.ok(ready.ok && (ready.value.get("inbound") ?? 0) > 0);
  assert.equal(running.version, envoy.version);
  assert.ok(lines.some((line) => line.includes("starting main dispatch loop")));
  const [, path = ""] = /"config_path": "([^"]+)\/envoy\.yaml"/.exec(await running.get("/server_info")) ?? [];
  assert.deepEqual((await readdir(path)).sort(), ["admin", "envoy.yaml"]);
  await running.stop();
  await assert.rejects(readdir(path), { code: "ENOENT" });
  assert.throws(() => process.kill(running.pid, 0), { code: "ESRCH" });
  await running.stop();
});

test("a port that is taken and a bootstrap that is none are told in Envoy's words", async (t) => {
  const envoy = await ownEnvoy();
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const refused = await startEnvoy({ envoy, bootstrap: bootstrap(port) });
  assert.ok(!refused.ok);
  assert.equal(refused.error.message, `Envoy ended (1): cannot bind '127.0.0.1:${port}': Address already in use`);
  const wrong = await startEnvoy({ envoy, bootstrap: "{nothing: 1}" });
  assert.match(wrong.ok ? "" : wrong.error.message, /^Envoy ended \(1\): .*no such field: 'nothing'/);
});
