/**
 * What each host call costs a filter in a real Envoy: `node bench/host-calls.ts`. The filter sdk/assemblyscript/testing/costs.ts makes each 1,000 times while it handles a
 * request, by Envoy's clock. Prints the table in Markdown; the rows are kept in `bench/results/`.
 */
import { readFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { SDK } from "../scripts/build/npm-package.ts";
import { buildWithSdk } from "../scripts/examples/assemblyscript.ts";
import { startEchoApp } from "../test/support/echo-app.ts";
import { startEnvoy } from "../test/support/envoy.ts";
import { staticConfig } from "../test/support/static-config.ts";
import { writeResults } from "./processes.ts";

/** Requests of which the fastest counts: what else the machine does makes the others slower. */
const REQUESTS = 200;

/** What the filter measures, by the name it has there. */
const CALLS: Readonly<Record<string, string>> = {
  nothing: "none: a call within the filter",
  time: "`proxy_get_current_time_nanoseconds`",
  "header-there": "`proxy_get_header_map_value`, 20 bytes",
  "header-absent": "`proxy_get_header_map_value`, not there",
  "header-pairs": "`proxy_get_header_map_pairs` of a request",
  "header-set": "`proxy_replace_header_map_value`",
  "property-path": "`proxy_get_property`, `request.path`",
  "property-node": "`proxy_get_property`, `xds.node.id`",
  "shared-set": "`proxy_set_shared_data`, 20 bytes",
  "shared-get": "`proxy_get_shared_data`, 20 bytes",
  count: "`proxy_increment_metric`",
  "log-off": "`proxy_log`, at a level that is off",
};

const WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

/** Nanoseconds by the filter's names. */
function ask(port: number): Promise<ReadonlyMap<string, number>> {
  return new Promise((resolve, reject) => {
    const headers = { "x-given": "a value of 20 bytes." };
    const sent = request({ port, host: "127.0.0.1", path: "/orders?page=2", headers }, (answer) => {
      answer.resume();
      const told = String(answer.headers["x-costs"]).split(" ");
      resolve(new Map(told.map((each) => each.split("=")).map(([name = "", ns]) => [name, Number(ns)])));
    });
    sent.once("error", reject).end();
  });
}

const { costs } = await buildWithSdk({ costs: await readFile(join(SDK, "testing/costs.ts"), "utf8") });
const app = await startEchoApp();
const config = { name: "costs", vm_config: { runtime: "envoy.wasm.runtime.v8", code: { local: { filename: costs } } } };
const filter = { name: "costs", typed_config: { "@type": WASM, config } };
const envoy = await startEnvoy({
  config: JSON.stringify({
    node: { id: "web-1", cluster: "web" },
    static_resources: staticConfig({ filter, app: app.port, statPrefix: "in" }),
  }),
  concurrency: 1,
});
try {
  await envoy.ready();
  const port = await envoy.port();
  const answers: ReadonlyMap<string, number>[] = [];
  for (let index = 0; index < REQUESTS; index++) answers.push(await ask(port));
  const rows = Object.entries(CALLS).map(([name, call]) => ({
    call,
    ns: Math.min(...answers.map((told) => told.get(name) ?? Number.NaN)),
  }));
  console.log(["| call | ns |", "|---|---|", ...rows.map(({ call, ns }) => `| ${call} | ${ns.toFixed(0)} |`)].join("\n"));
  await writeResults("host-calls", rows);
} finally {
  await envoy.stop();
  await app.stop();
}
