import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Case } from "../author/cases/case.ts";
import { EnvoyHosts } from "../author/cases/envoy/host.ts";
import type { CaseHost, Observed } from "../author/cases/observed.ts";
import { parseCases } from "../author/cases/read/file.ts";
import { describeFailure } from "../author/cases/report/failure.ts";
import { runCase } from "../author/cases/run.ts";
import { compareWithEnvoy, runInBoth } from "../author/cases/run-both.ts";
import { createSandbox } from "../author/cases/sandbox/sandbox.ts";
import { callback } from "../preflight/abi/abi.ts";
import { countEntries } from "../preflight/index.ts";
import { SINK, type Step, script } from "../preflight/testing/script.ts";
import { wasm } from "../preflight/testing/wat.ts";
import { installEnvoyVersion } from "../scripts/tools/envoy.ts";
import { ENDS } from "./support/author-cases/ends.ts";
import { GRPC_CALLS } from "./support/author-cases/grpc-calls.ts";
import { CALLS } from "./support/author-cases/http-calls.ts";
import { REQUESTS } from "./support/author-cases/requests.ts";
import { RESPONSES } from "./support/author-cases/responses.ts";
import { STARTING } from "./support/author-cases/starting.ts";
import { STATE } from "./support/author-cases/state.ts";
import { does, pairs, say, unary } from "./support/author-cases/words.ts";

/** A module in the text format with more callbacks, which trap in a function of their own. */
function withTraps(text: string, names: readonly string[]): string {
  const functions = names.map((name) => {
    const type = callback("0.2.1", name);
    assert.ok(type !== undefined, name);
    const params = type.params.map((each) => `(param ${each})`).join(" ");
    return `(func $${name} (export "${name}") ${params} ${type.results.length > 0 ? "(result i32)" : ""} unreachable)`;
  });
  return text.replace(/\)$/, `${functions.join("\n")})`);
}

/** Runs a case in the sandbox, and tells which functions of the module were entered. Where Envoy does the same, it called them too. */
async function runCounted(one: Case, module: Uint8Array) {
  const counting = countEntries(module);
  assert.ok(counting.ok, counting.ok ? "" : counting.error.message);
  const instances: Readonly<Record<string, unknown>>[] = [];
  const sandbox = createSandbox(counting.value.bytes, { onExports: (exports) => instances.push(exports) });
  assert.ok(sandbox.ok, sandbox.ok ? "" : sandbox.error.message);
  const observed: Observed[] = [];
  const result = await runCase(one, sandbox.value, { onStep: (each) => observed.push(each) });
  const isEntered = (counter: string) => instances.some((exports) => (exports[counter] as { readonly value: number }).value !== 0);
  const called = counting.value.functions.flatMap(({ name, counter }) =>
    name?.startsWith("proxy_on_") && isEntered(counter) ? [name] : [],
  );
  return { result, observed, called };
}

const GROUPS = {
  starting: STARTING,
  requests: REQUESTS,
  responses: RESPONSES,
  ends: ENDS,
  state: STATE,
  "HTTP calls": CALLS,
  "gRPC calls": GRPC_CALLS,
};

/** Callbacks of the ABI that Envoy calls in an HTTP filter. Metadata frames are off in Envoy unless a listener asks for them, and no Envoy calls proxy_on_foreign_function by itself. */
const CALLBACKS = [
  ...["context_create", "vm_start", "configure", "tick", "queue_ready", "http_call_response", "done", "log", "delete"],
  ...["request_headers", "request_body", "request_trailers", "response_headers", "response_body", "response_trailers"],
  ...["grpc_receive", "grpc_receive_initial_metadata", "grpc_receive_trailing_metadata", "grpc_close"],
].map((name) => `proxy_on_${name}`);

describe("cases in the sandbox and in Envoy 1.40", { timeout: 240_000 }, () => {
  const hosts = installEnvoyVersion("1.40.0").then((path) => new EnvoyHosts({ path, version: "1.40.0" }));
  after(async () => (await hosts).stop());
  const seen = { cases: 0, differences: 0, called: new Set<string>() };

  for (const [group, rows] of Object.entries(GROUPS)) {
    describe(group, () => {
      for (const { name, parts, traps = [], yaml = "" } of rows) {
        test(name, async () => {
          const module = await wasm(withTraps(script(parts), traps), { names: true });
          const body = yaml.split("\n").map((line) => `    ${line}`);
          const file = parseCases(["cases:", `  - name: ${JSON.stringify(name)}`, ...body].join("\n"), name);
          assert.ok(file.ok, file.ok ? "" : file.error.message);
          for (const one of file.value.cases) {
            const { called, ...first } = await runCounted(one, module);
            const result = await compareWithEnvoy(one, first, (await hosts).of(module));
            seen.cases += 1;
            seen.differences += result.failure?.mismatches.filter(({ path }) => path === "difference").length ?? 0;
            assert.equal(result.note, undefined);
            assert.equal(result.outcome, "passed", result.failure && describeFailure(result, result.failure).join("\n"));
            for (const each of called) seen.called.add(each);
          }
        });
      }
    });
  }

  test("an Envoy that ends fails its case by name, and the next case has a new one", async () => {
    const envoys = await hosts;
    const module = await wasm(script({ proxy_on_request_headers: does(say("here")) }));
    const file = parseCases("cases: [{name: it is killed}, {name: the next}]", "ends");
    const sandbox = createSandbox(module);
    assert.ok(file.ok && sandbox.ok);
    const [killed, next] = file.value.cases;
    assert.ok(killed !== undefined && next !== undefined);
    const host = envoys.of(module);
    let pid = 0;
    const killing: CaseHost = {
      name: host.name,
      cannot: host.cannot,
      start: async (setup, callouts) => {
        const running = await host.start(setup, callouts);
        const run = running.run.bind(running);
        running.run = (step) => {
          pid = envoys.pid ?? 0;
          process.kill(pid, "SIGKILL");
          return run(step);
        };
        return running;
      },
    };
    const result = await runInBoth(killed, sandbox.value, killing);
    assert.deepEqual(result.failure?.mismatches, [
      {
        path: "Envoy in Envoy 1.40.0",
        line: 1,
        expected: "Envoy lives",
        got: 'Envoy ended (signal SIGKILL) while case "it is killed" ran',
      },
    ]);
    assert.equal((await runInBoth(next, sandbox.value, host)).outcome, "passed");
    assert.notEqual(envoys.pid, pid);
    // And in between two cases: what served it does not keep this process alive.
    process.kill(envoys.pid ?? 0, "SIGKILL");
    await envoys.stop();
    assert.equal(envoys.pid, undefined);
    assert.equal((await runInBoth(next, sandbox.value, host)).outcome, "passed");
  });

  for (const [name, step] of Object.entries({
    "a unary gRPC call to users": unary("users"),
    "a unary gRPC call to an empty name": unary(""),
    "a gRPC stream to users": ["proxy_grpc_stream", "users", "test.Echo", "Chat", pairs([]), SINK] satisfies Step,
  }))
    test(`${name} takes Envoy down, and the sandbox says so`, async () => {
      const module = await wasm(script({ proxy_on_request_headers: does(step) }));
      const sandbox = createSandbox(module);
      const file = parseCases("cases: [{name: one}]", "down");
      assert.ok(file.ok && sandbox.ok);
      for (const one of file.value.cases) {
        const result = await runInBoth(one, sandbox.value, (await hosts).of(module));
        assert.match(
          JSON.stringify(result.failure?.mismatches),
          /Envoy ended \(signal SIGABRT\) while case \\"one\\" ran: panic: unset oneof/,
        );
        assert.match((await runCase(one, sandbox.value)).failure?.trap?.message ?? "", /would crash the proxy: a gRPC call to/);
      }
    });

  test("there are 50 of them, every callback is called in them, and nothing differs", (t) => {
    assert.deepEqual(
      CALLBACKS.filter((name) => !seen.called.has(name)),
      [],
      "callbacks that no case called",
    );
    t.diagnostic(`${seen.cases} cases, ${seen.called.size} of ${CALLBACKS.length} callbacks called, ${seen.differences} differences`);
    assert.ok(seen.cases >= 50);
    assert.equal(seen.differences, 0);
  });
});
