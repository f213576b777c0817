import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import type { Replica } from "../cli/serve/replica-flags.ts";
import { openReplicas, type Replicas } from "../cli/serve/replicas.ts";
import { FromCaller, Wanted } from "../cluster/gen/weir/v1/replicas.ts";
import { createAuthority, fixedAuthority, GET, issueCertificate, issueReplicaCertificate, JOIN, replicaUri } from "../cluster/index.ts";
import type { Fleet } from "../model/delivery.ts";
import { digestOf } from "../model/digest.ts";
import type { Vouched, Vouching } from "../model/identity.ts";
import { type Log, silentLog } from "../model/log.ts";
import type { Member, Withdrawal } from "../model/replicas.ts";
import { connectGrpc } from "../xds/testing/grpc-client.ts";

const OF = { namespace: "weir-system", name: "weir" };
const files = createAuthority("Weir", Date.now(), 1e9);
const NOBODY: Fleet = {
  ...{ proxies: () => [], proxy: () => undefined, health: () => undefined, onChange: () => () => {} },
  ...{ assign() {}, forget() {}, onMissing: () => () => {} },
};

/** More than one connection holds on its way. */
/** What a replica does with the others that has nothing to say and hears nothing. */
const SILENT: Member = {
  withdrawals: () => [],
  withdrawn() {},
  overridden() {},
  leads() {},
  leaderHeard() {},
  told() {},
  text: () => undefined,
};
const MODULE = Buffer.alloc(3_000_000, "module");

/** A replica on a port of its own that calls those at these ports. `has`: modules in its store; `vouching`: who its clients are. */
async function startReplica(
  id: string,
  ports: readonly number[],
  has: readonly Buffer[] = [],
  vouching?: Vouching,
): Promise<{ replicas: Replicas; port: number; told: string[] }> {
  const told: string[] = [];
  let port = 0;
  const log: Log = {
    ...silentLog,
    info(message, facts) {
      if (message === "replicas are listened for") port = Number(String(facts?.address).split(":").at(-1));
    },
    warn: (message, facts) => void told.push(`${message}: ${facts?.why ?? facts?.error}`),
    child: () => log,
  };
  const lease = {
    isLeading: () => id === "a",
    isHeard: () => id === "a",
    onChange: () => () => {},
    succeed() {},
    start() {},
    release: async () => {},
    holder: () => "a",
  };
  const address = { host: "127.0.0.1", port: 0 };
  const peers = ports.map((each) => ({ host: "127.0.0.1", port: each }));
  const replica: Replica = { id, lease, of: OF, address, peers, steady: () => performance.now() };
  const modules = { read: async (digest: string) => has.map((each) => new Uint8Array(each)).find((each) => digestOf(each) === digest) };
  const replicas = (await openReplicas({ replica, authority: fixedAuthority(files), log }))({ own: NOBODY, modules, vouching });
  assert.equal(await replicas.start(), undefined);
  return { replicas, port, told };
}

/** Who clients are: nobody at first. */
function createVouching() {
  const { promise: taken, resolve } = Promise.withResolvers<Vouched>();
  const listeners: ((vouched: Vouched) => void)[] = [];
  const vouching: Vouching = {
    all: () => ({ tokens: [], pods: [] }),
    onVouched(listener) {
      listeners.push(listener);
      return () => {};
    },
    take: resolve,
  };
  const say = (vouched: Vouched) => {
    for (const listener of listeners) listener(vouched);
  };
  return { vouching, taken, say };
}

test("replicas tell each other over TLS who their clients are", { timeout: 20_000 }, async () => {
  const here = createVouching();
  const a = await startReplica("a", [], [], here.vouching);
  const there = createVouching();
  const b = await startReplica("b", [a.port], [], there.vouching);
  while (!b.replicas.peers.leadership.isHeard()) await new Promise(setImmediate);
  const vouched = {
    tokens: [{ hash: "h", namespace: "shop", name: "web-1", uid: "u", until: Date.now() + 60_000 }],
    pods: [{ namespace: "shop", name: "web-1", uid: "u", version: "12", labels: { app: "web" }, addresses: ["10.0.0.1"] }],
  };
  there.say({ ...vouched, pods: [] });
  assert.deepEqual(await here.taken, { ...vouched, pods: [] });
  await Promise.all([a.replicas.stop(), b.replicas.stop()]);
});

test("replicas reach each other over TLS and tell what is to be taken back", { timeout: 20_000 }, async () => {
  const a = await startReplica("a", []);
  const heard = Promise.withResolvers<Withdrawal>();
  a.replicas.peers.join({ ...SILENT, withdrawn: heard.resolve });
  const withdrawal: Withdrawal = { filter: "shop/f", uid: "u", target: 2, startedAt: 5, reason: "Rejected", message: "no" };
  const b = await startReplica("b", [a.port]);
  b.replicas.peers.join({ ...SILENT, withdrawals: () => [withdrawal] });
  assert.deepEqual(await heard.promise, withdrawal);
  while (!b.replicas.peers.leadership.isHeard()) await new Promise(setImmediate);
  await Promise.all([a.replicas.stop(), b.replicas.stop()]);
});

test("a replica has modules and texts of its peers", { timeout: 20_000 }, async (t) => {
  const a = await startReplica("a", [], [MODULE]);
  const text = Buffer.from("key: hunter2");
  a.replicas.peers.join({
    ...SILENT,
    text: (_filter, hash) => (hash === "h" ? text : undefined),
  });
  const b = await startReplica("b", [a.port]);
  t.after(() => Promise.all([a.replicas.stop(), b.replicas.stop()]));
  const { peers } = b.replicas;
  while (peers.counts().reached === 0) await new Promise(setImmediate);
  assert.deepEqual(await peers.modules.read(digestOf(MODULE)), new Uint8Array(MODULE));
  assert.equal(await peers.modules.read(digestOf("nobody has it")), undefined);
  assert.deepEqual(await peers.text("shop/f", "h", () => true), text);
  assert.equal(await peers.text("shop/f", "h", () => false), undefined);
  assert.equal(await peers.text("shop/f", "other", () => true), undefined);
});

test("nobody else is let in: no certificate, a proxy's, a server's, another authority's", { timeout: 20_000 }, async (t) => {
  const { replicas, port } = await startReplica("a", [], [MODULE]);
  t.after(() => replicas.stop());
  const other = createAuthority("Weir", Date.now(), 1e9);
  const uri = replicaUri(OF.namespace, OF.name);
  const proxy = issueCertificate(files, {
    purpose: "client",
    name: "x",
    uris: ["spiffe://weir/ns/weir-system/node/weir"],
    now: Date.now(),
    validMs: 1e6,
  });
  const foreign = issueReplicaCertificate(fixedAuthority(other), uri, "client", Date.now());
  const server = issueReplicaCertificate(fixedAuthority(files), uri, "server", Date.now());
  const hello: FromCaller = { said: { $case: "hello", hello: { replica: "x" } } };
  const wanted: Wanted = { what: { $case: "module", module: digestOf(MODULE) } };
  for (const [method, shown] of [JOIN, GET].flatMap((each) => [{}, proxy, foreign, server].map((one) => [each, one] as const))) {
    // Its certificate names no host.
    const tls = { ca: files.cert, rejectUnauthorized: false, ...shown };
    const connection = connectGrpc(port, { tls });
    const said = method === JOIN ? FromCaller.encode(hello) : Wanted.encode(wanted);
    const call = connection.call(method, () => assert.fail("told something"));
    await call.write(said.finish());
    const { code, details } = await call.ended;
    assert.equal(code, 7, details);
    assert.match(details, /only a replica of this Weir may call this/);
    connection.close();
  }
});

test("whoever opens connections without end has a part of them, and keeps no replica out", { timeout: 20_000 }, async (t) => {
  const a = await startReplica("a", []);
  const open = new Set<Socket>();
  const leave = () => open.forEach((socket) => void socket.destroy());
  t.after(leave);
  for (let i = 0; i < 200; i++) {
    const socket = connect(a.port, "127.0.0.1").on("error", () => {});
    open.add(socket.resume());
    socket.on("close", () => open.delete(socket));
    await once(socket, "connect");
  }
  // One that never calls is cut off after ten seconds anyhow.
  const until = performance.now() + 5_000;
  while (open.size > 128 && performance.now() < until) await new Promise(setImmediate);
  assert.ok(open.size <= 128, `${open.size} are open`);
  const b = await startReplica("b", [a.port]);
  while (b.replicas.peers.counts().reached === 0) await new Promise(setImmediate);
  leave();
  await Promise.all([a.replicas.stop(), b.replicas.stop()]);
});

test("what is refused there fills no log", { timeout: 20_000 }, async (t) => {
  const { replicas, port, told } = await startReplica("a", []);
  t.after(() => replicas.stop());
  for (let i = 0; i < 40; i++) {
    const socket = connect(port, "127.0.0.1", () => socket.end("this is no TLS")).on("error", () => {});
    await once(socket.resume(), "close");
  }
  assert.ok(told.length > 0 && told.length <= 20, `${told.length} lines`);
});
