import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { type Log, silentLog } from "../../model/log.ts";
import { type ProverFailure, silentMetrics } from "../../model/metrics.ts";
import { DEFAULT_SETTINGS as settings } from "../../model/settings.ts";
import { createPreflight, listenProvers, remoteProvers } from "../index.ts";
import { nestedBlocks } from "../testing/limits.ts";
import { minimal } from "../testing/modules.ts";
import { wasm } from "../testing/wat.ts";
import { encodeHead } from "./frame.ts";

async function socketPath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "weir-socket-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return join(folder, "prover.sock");
}

/** A preflight that proves at `path`, and what it told of the other side. */
function preflightAt(path: string, maxLoadMs = 20_000) {
  const lines: string[] = [];
  const failures: ProverFailure[] = [];
  const tell = (message: string) => void lines.push(message);
  const log: Log = { ...silentLog, info: tell, warn: tell };
  const provers = remoteProvers({ path, log, metrics: { ...silentMetrics, proverFailed: (how) => failures.push(how) } });
  const preflight = createPreflight({ provers, maxLoadMs });
  const reasonFor = async (code: Uint8Array, config = "", signal?: AbortSignal): Promise<[string, boolean]> => {
    const verdict = await preflight.validate(code, { ...settings, config }, { signal });
    return verdict.ok ? ["it passed", false] : [verdict.error.reason, verdict.error.retryable];
  };
  return { preflight, reasonFor, lines, failures };
}

/** `weir prover` in this process. */
async function startServer(t: TestContext, path: string, memoryMb?: number): Promise<void> {
  const server = await listenProvers({ path, log: silentLog, memoryMb });
  if (!server.ok) assert.fail(server.error.message);
  t.after(() => server.value.close());
}

/** One that does what `talk` says with each connection. */
async function startFake(t: TestContext, path: string, talk: (socket: Socket) => void): Promise<void> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket.on("error", () => undefined));
    talk(socket);
  });
  await new Promise<void>((listening) => server.listen(path, listening));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
}

const frame = (header: unknown): Buffer => encodeHead(header);

describe("proofs over a socket", () => {
  test("come to the verdicts that they come to without one, and the socket is for its user alone", async (t) => {
    const path = await socketPath(t);
    await startServer(t, path);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const { reasonFor, failures, lines } = preflightAt(path);
    assert.deepEqual(await reasonFor(await minimal()), ["it passed", false]);
    const table = await wasm(`(module (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) (i32.const 1024))
      (func (export "proxy_abi_version_0_2_1")) (table 10000000 funcref))`);
    assert.deepEqual(await reasonFor(table), ["MemoryLimit", false]);
    assert.deepEqual(await reasonFor(await wasm("(module)")), ["NoAbi", false]);
    assert.deepEqual([failures, lines], [[], []]);
  });

  test("have no verdict while nobody answers, and both its going and its coming are told once", async (t) => {
    const path = await socketPath(t);
    const { reasonFor, preflight, lines, failures } = preflightAt(path);
    const verdict = await preflight.validate(await minimal(), settings);
    assert.ok(!verdict.ok && verdict.error.retryable);
    assert.match(verdict.error.message, /no prover answers at .*prover\.sock \(ENOENT\); see that weir prover runs there/);
    assert.deepEqual(await reasonFor(await minimal(), "other"), ["ProverUnavailable", true]);
    await startServer(t, path);
    for (const config of ["", "other"]) assert.deepEqual(await reasonFor(await minimal(), config), ["it passed", false]);
    assert.deepEqual(lines, ["the prover does not answer; new modules wait for it", "the prover answers"]);
    assert.deepEqual(failures, ["unavailable", "unavailable"]);
  });

  test("are bounded by what the server allows a module to load", async (t) => {
    const path = await socketPath(t);
    await startServer(t, path);
    const began = performance.now();
    assert.deepEqual(await preflightAt(path, 100).reasonFor(nestedBlocks(2000, 20_000)), ["LoadTooSlow", false]);
    assert.ok(performance.now() - began < 10_000, "it is ended, not waited for");
  });

  test("that are called off end at once, and leave the prover free", async (t) => {
    const path = await socketPath(t);
    await startServer(t, path);
    const { reasonFor } = preflightAt(path);
    const code = await wasm(`(module (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) (i32.const 1024))
      (func (export "proxy_abi_version_0_2_1")) (func (export "_initialize") (loop (br 0))))`);
    const asked = Array.from({ length: 8 }, (_, index) => reasonFor(code, String(index), AbortSignal.timeout(200)));
    assert.deepEqual(await Promise.all(asked), Array(8).fill(["Stopped", true]));
    const began = performance.now();
    assert.deepEqual(await reasonFor(await minimal()), ["it passed", false]);
    assert.ok(performance.now() - began < 2000, "an endless loop has 5 s");
  });

  test("that lose their prover are made again alone, once, and then the module is refused", async (t) => {
    const path = await socketPath(t);
    let open = 0;
    const together: number[] = [];
    await startFake(t, path, (socket) => {
      open += 1;
      socket.on("close", () => (open -= 1));
      socket.write(Buffer.concat([frame({ ready: true }), frame({ phase: "read" }), frame({ phase: "compile" })]));
      socket.resume();
      setTimeout(() => {
        together.push(open);
        socket.destroy();
      }, 30);
    });
    const { reasonFor, preflight, failures } = preflightAt(path);
    const codes = await Promise.all([1, 2].map((result) => wasm(`(module (func (result i32) (i32.const ${result})))`)));
    const first = await Promise.all(codes.map((code) => reasonFor(code)));
    assert.deepEqual(first, Array(2).fill(["ProverLost", true]));
    assert.equal(together[0], 2);
    together.length = 0;
    const second = await Promise.all(codes.map((code) => preflight.validate(code, settings)));
    assert.deepEqual(together, [1, 1], "each was alone");
    for (const verdict of second) {
      assert.ok(!verdict.ok && !verdict.error.retryable);
      assert.equal(verdict.error.reason, "ProverDied");
      assert.match(verdict.error.message, /lost twice .* with no other proof beside it; .* make it smaller, or give the prover more/);
    }
    assert.deepEqual(failures, Array(4).fill("lost"));
  });

  test("believe nothing that is no answer, and blame no module for it", async (t) => {
    const path = await socketPath(t);
    const says: Buffer[] = [
      Buffer.from("HTTP/1.1 200 OK\r\n\r\n"),
      Buffer.alloc(4096, 0xff),
      frame({ result: { ok: true, value: { facts: { size: "1" } } } }),
      frame({ result: { ok: false, error: { reason: "not a word", message: 1 } } }),
      frame(null),
      Buffer.concat([frame({ ready: true }), Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0x7b])]),
    ];
    let at = 0;
    await startFake(t, path, (socket) => socket.end(says[at++] ?? ""));
    const { reasonFor } = preflightAt(path);
    for (const said of says) assert.deepEqual(await reasonFor(await minimal()), ["ProverUnavailable", true], said.toString("latin1"));
    assert.equal(at, says.length);
  });

  test("end when phases come again and again", async (t) => {
    const path = await socketPath(t);
    await startFake(t, path, (socket) => {
      const timer = setInterval(() => socket.write(frame({ phase: "traffic" })), 10);
      socket.on("close", () => clearInterval(timer));
    });
    const { reasonFor } = preflightAt(path);
    assert.deepEqual(await reasonFor(await minimal()), ["SandboxFailed", false]);
  });
});

describe("a prover that listens", () => {
  test("takes the place of one that was killed, and not of one that answers", async (t) => {
    const path = await socketPath(t);
    await startServer(t, path);
    const second = await listenProvers({ path, log: silentLog });
    assert.equal(second.ok ? "" : second.error.reason, "SocketUnavailable");
    const { reasonFor } = preflightAt(path);
    assert.deepEqual(await reasonFor(await minimal()), ["it passed", false]);
  });

  test("closes who sends garbage, is not held up by who sends nothing, and serves the others", async (t) => {
    const path = await socketPath(t);
    await startServer(t, path);
    const silent = Array.from({ length: 3 }, () => connect(path));
    t.after(() => silent.map((socket) => socket.destroy()));
    const garbage = [Buffer.alloc(64, 0xff), frame(null), frame([]), frame("x"), Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0x7b])];
    for (const bytes of garbage) {
      const socket = connect(path).on("error", () => undefined);
      const closed = new Promise((resolve) => socket.on("close", resolve));
      socket.resume().write(bytes);
      await closed;
    }
    const { reasonFor } = preflightAt(path);
    assert.deepEqual(await reasonFor(await minimal()), ["it passed", false]);
  });

  test("does not start with less memory than modules need", async (t) => {
    const server = await listenProvers({ path: await socketPath(t), log: silentLog, memoryMb: 40 });
    assert.match(server.ok ? "" : server.error.message, /leaves 40 MiB for proofs; raise it by 56 MiB or more/);
  });

  test("gives a module no more memory than there is for all of them", async (t) => {
    const path = await socketPath(t);
    await startServer(t, path, 260);
    const { reasonFor, preflight } = preflightAt(path);
    const small = await minimal();
    const holding = (pages: number) =>
      wasm(`(module (memory (export "memory") 2000) (func (export "malloc") (param i32) (result i32) (i32.const 1024))
      (func (export "proxy_abi_version_0_2_1")) (func (export "_initialize") (drop (memory.grow (i32.const ${pages - 2000})))
        (memory.fill (i32.const 0) (i32.const 1) (i32.const ${pages * 65_536})) (loop (br 0))))`);
    const alone = await preflight.validate(await holding(3900), settings);
    assert.match(alone.ok ? "" : alone.error.message, /the limit is 260 MiB/);
    // 125 MiB, and the process: two of them do not fit.
    const half = await holding(2000);
    const over = new AbortController();
    const both = ["a", "b"].map((namespace) => preflight.validate(half, settings, { namespace, signal: over.signal }));
    const first = await Promise.race(both);
    assert.deepEqual(first.ok ? "" : [first.error.reason, first.error.retryable], ["ProverLost", true]);
    over.abort();
    await Promise.all(both);
    assert.deepEqual(await reasonFor(small, "again"), ["it passed", false]);
    assert.deepEqual(await reasonFor(await minimal()), ["it passed", false]);
  });
});
