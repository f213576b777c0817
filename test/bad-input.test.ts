import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { stringify } from "yaml";
import type { WasmFilter } from "../model/gen/wasmfilter.ts";
import { pushModule } from "../oci/index.ts";
import { type FakeRegistry, startFakeRegistry } from "../oci/testing/fake-registry.ts";
import { addArtifact } from "../oci/testing/images.ts";
import { valued } from "../oci/testing/result.ts";
import { type BadInput, badInputs, brokenFiles } from "./support/bad-inputs.ts";
import { type EchoApp, startEchoApp } from "./support/echo-app.ts";
import { type Envoy, startEnvoy } from "./support/envoy.ts";
import { badStreams, noise, sendNoise, sendStream } from "./support/garbage.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get, startTraffic, type Traffic } from "./support/traffic.ts";
import { headerFilter } from "./support/wat.ts";
import { condition, startWeir, type Weir, weir } from "./support/weir.ts";

/**
 * Every kind of bad input, against one server and one proxy under steady traffic. `victim` serves a good module and then gets each bad one;
 * `newcomer` never had a good one; `good` and `neighbour` share the slot with both and must not be affected.
 */
const GOOD = ["good", "neighbour", "victim"] as const;
const AUTH = { username: "robot", password: "the-right-one" };
const SECRETS = ["never-to-be-shown", "s3cret", AUTH.password] as const;

interface World {
  readonly folder: string;
  readonly fake: FakeRegistry;
  guarded: Registry;
  readonly app: EchoApp;
  readonly server: Weir;
  readonly envoy: Envoy;
  readonly port: number;
  readonly traffic: Traffic;
  readonly inputs: readonly BadInput[];
  /** Since when each good filter is Ready. */
  readonly since: Map<string, string | undefined>;
}

let world: World;
const open: (() => Promise<unknown>)[] = [];

before(async () => {
  const { path: folder, remove } = await createTempFolder("bad-input");
  open.push(remove);
  await mkdir(join(folder, "filters"));
  const fake = await startFakeRegistry();
  open.push(fake.stop);
  const guarded = await startRegistry({ auth: AUTH, storage: join(folder, "registry") });
  open.push(() => world.guarded.stop());
  const inputs = await badInputs({ fake, guarded: guarded.host });
  for (const name of [...GOOD, "harmless"]) addArtifact(fake.content, await headerFilter({ name: `x-${name}`, value: "on" }), name);
  const server = await startWeir({ source: ["--filters", join(folder, "filters")], data: join(folder, "data") });
  open.push(server.stop);
  const app = await startEchoApp();
  open.push(app.stop);
  const base = { folder, fake, guarded, app, server, inputs };
  const { envoy, port } = await startProxy(base, "web-1");
  for (const name of GOOD) await write(folder, `${name}.yaml`, manifest(name, goodSpec(name, base)));
  await write(
    folder,
    "pull-secrets.yaml",
    pullSecret("wrong", guarded, "mallory", SECRETS[0]),
    pullSecret("right", guarded, AUTH.username, AUTH.password),
  );
  const since = new Map<string, string | undefined>();
  for (const name of GOOD) since.set(name, readySince(await server.until("Ready", name, isReady)));
  const filtered = ({ headers }: { readonly headers: Readonly<Record<string, unknown>> }) =>
    GOOD.every((name) => headers[`x-${name}`] === "on");
  await eventually("the good filters on every worker", async () =>
    (await Promise.all(Array.from({ length: 20 }, () => get(port)))).every(filtered),
  );
  world = { ...base, envoy, port, traffic: startTraffic({ port, clients: 2, pauseMs: 5, filtered }), since };
});

after(async () => {
  await world?.traffic.stop();
  for (const close of open.reverse()) await close();
});

async function startProxy({ server, app }: Pick<World, "server" | "app">, node: string, ...slots: string[]) {
  const who = ["--node", node, "--namespace", "shop", ...slots.flatMap((slot) => ["--slot", slot])];
  const where = ["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", "127.0.0.1:0", "--upstream", `127.0.0.1:${app.port}`];
  const envoy = await startEnvoy({ config: await weir(["bootstrap", ...who, ...where]), log: "warning" });
  open.push(envoy.stop);
  const port = await envoy.port();
  return { envoy, port };
}

function manifest(name: string, spec: object): object {
  return { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name, namespace: "shop" }, spec };
}

const goodSpec = (name: string, { fake }: Pick<World, "fake"> = world) => ({ image: `${fake.host}/filters/${name}:${name}` });

function pullSecret(name: string, { host }: Registry, username: string, password: string): object {
  const stringData = { ".dockerconfigjson": JSON.stringify({ auths: { [host]: { username, password } } }) };
  return { apiVersion: "v1", kind: "Secret", type: "kubernetes.io/dockerconfigjson", metadata: { name, namespace: "shop" }, stringData };
}

const write = (folder: string, file: string, ...content: (object | string)[]) =>
  writeFile(join(folder, "filters", file), content.map((each) => (typeof each === "string" ? each : stringify(each))).join("---\n"));

/** Writes the filter's file and waits until the server has read it. */
async function apply(name: string, spec: object): Promise<void> {
  await write(world.folder, `${name}.yaml`, manifest(name, spec));
  await eventually(`${name} to be read`, async () => isDeepStrictEqual((await world.server.filter(name))?.spec, spec));
}

async function remove(name: string): Promise<void> {
  await rm(join(world.folder, "filters", `${name}.yaml`));
  await eventually(`${name} to be gone`, async () => (await world.server.filter(name)) === undefined);
}

const isReady = (filter: WasmFilter) => isCurrent(filter) && condition(filter, "Ready") === "True Ready";
const isCurrent = ({ metadata, status }: WasmFilter) => status?.observedGeneration === metadata.generation;
const messageOf = (filter: WasmFilter, type: string) => filter.status?.conditions?.find((each) => each.type === type)?.message ?? "";
const readySince = (filter: WasmFilter) => filter.status?.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime;

/** Good filters that this test does not touch have been Ready all the time. */
async function undisturbed(...names: string[]): Promise<void> {
  for (const name of names.length > 0 ? names : GOOD) {
    const filter = await world.server.filter(name);
    assert.equal(condition(filter, "Ready"), "True Ready", name);
    if (name !== "victim") assert.equal(filter && readySince(filter), world.since.get(name), `${name} was not Ready for a while`);
    assert.deepEqual([filter?.status?.revision, filter?.status?.proxies?.rejected], [1, 0], name);
  }
}

describe("bad images, modules and specs", () => {
  test("every bad image, module and spec is refused with what, where and what to do, and what was served goes on", async (t) => {
    for (const input of world.inputs) await t.test(input.what, (t) => refuses(t, input));
  });

  async function refuses(t: TestContext, input: BadInput): Promise<void> {
    try {
      await apply("victim", input.spec);
      await apply("newcomer", input.spec);
      await refusal(t, input);
      await undisturbed("good", "neighbour");
    } finally {
      await apply("victim", goodSpec("victim"));
      await remove("newcomer");
      await world.server.until("victim to be Ready again", "victim", isReady);
    }
  }

  async function refusal(t: TestContext, { what, condition: type, reason, says, retried = false }: BadInput): Promise<void> {
    const isRefused = (filter: WasmFilter) => isCurrent(filter) && condition(filter, type).startsWith("False");
    const newcomer = await world.server.until(`newcomer with ${what} to be refused`, "newcomer", isRefused);
    const victim = await world.server.until(`victim with ${what} to be refused`, "victim", isRefused);
    const message = messageOf(newcomer, type);
    t.diagnostic(`${type} ${condition(newcomer, type)}: ${message}`);
    for (const filter of [newcomer, victim]) assert.equal(condition(filter, type), `False ${reason}`);
    for (const words of says)
      assert.ok(typeof words === "string" ? message.includes(words) : words.test(message), `${words} is not in: ${message}`);
    assert.equal(message.includes("tried again with backoff"), retried);
    assert.equal(condition(newcomer, "Ready"), `False ${reason}`);
    assert.equal(newcomer.status?.digest, undefined);
    assert.match(messageOf(victim, type), /revision 1 keeps serving/);
    assert.deepEqual([victim.status?.digest, victim.status?.stableRevision], [world.fake.content.tags.get("victim"), 1]);
    assert.ok(world.server.logs().includes(`event=${reason}`), "stderr tells it too");
  }

  test("docs/images.md tells what to do about each of these reasons", async () => {
    const page = await readFile(new URL("../docs/images.md", import.meta.url), "utf8");
    const told = (reason: string) => page.split("\n").some((line) => line.startsWith("| `") && line.includes(`\`${reason}\``));
    assert.deepEqual(
      world.inputs.filter(({ reason }) => !told(reason)),
      [],
    );
  });
});

test("files that cannot be read leave what they held in force, and stderr tells file, line and what is wrong", async (t) => {
  for (const [name, content, expected] of brokenFiles) {
    await writeFile(join(world.folder, "filters", name), content);
    const line = await eventually(name, async () =>
      world.server
        .logs()
        .split("\n")
        .find((text) => expected.test(text)),
    );
    t.diagnostic(`${name}: ${line}`);
    assert.match(line, / ERROR: /);
  }
  await world.traffic.more(50);
  await undisturbed();
  assert.equal(condition(await world.server.filter("victim"), "Accepted"), "True Accepted");
  await apply("victim", goodSpec("victim"));
  for (const [name] of brokenFiles) if (name !== "victim.yaml") await rm(join(world.folder, "filters", name));
});

describe("what is missing or away for a while", () => {
  test("what was missing when the filter came is taken up by itself once it is there: a config Secret, an image", async () => {
    const module = await headerFilter({ name: "x-late", value: { from: "configuration" } });
    const configFrom = { secretKeyRef: { name: "late", key: "config" } };
    await apply("newcomer", { image: `${world.fake.host}/filters/late:late`, interval: "1s", configFrom });
    await world.server.until("no Secret", "newcomer", (filter) => condition(filter, "Accepted") === "False SecretNotFound");
    const late = { apiVersion: "v1", kind: "Secret", metadata: { name: "late", namespace: "shop" }, stringData: { config: "here" } };
    await write(world.folder, "late.yaml", late);
    await world.server.until("no image", "newcomer", (filter) => condition(filter, "Resolved") === "False ImageNotFound");
    addArtifact(world.fake.content, module, "late");
    await world.server.until("Ready", "newcomer", isReady);
    assert.equal((await get(world.port)).headers["x-late"], "here");
    await remove("newcomer");
    await undisturbed();
  });

  test("a registry that is down is asked about once a second at first, and answered by itself when it is back", async (t) => {
    const { fake } = world;
    const asked: number[] = [];
    const lies = fake.intercept;
    fake.intercept = (request, response) => {
      if (!request.url?.includes("/filters/down/")) return lies(request, response);
      asked.push(performance.now());
      response.destroy();
      return true;
    };
    await apply("newcomer", { image: `${fake.host}/filters/down/it:harmless` });
    const down = await world.server.until(
      "no registry",
      "newcomer",
      (filter) => condition(filter, "Resolved") === "False RegistryUnavailable",
    );
    t.diagnostic(`a registry that is down: ${messageOf(down, "Resolved")}`);
    assert.match(messageOf(down, "Resolved"), new RegExp(`${fake.host} cannot be reached: .*tried again with backoff`));
    await eventually("attempts", () => asked.length >= 5, 30_000);
    fake.intercept = lies;
    const pauses = asked.slice(1).map((time, i) => Math.round(time - (asked[i] ?? 0)));
    t.diagnostic(`pauses between attempts: ${pauses.join(", ")} ms`);
    // The pause is 0.75 to 1.25 s, and asking takes a moment; a machine that stands still makes some longer.
    assert.ok(Math.min(...pauses) >= 700 && Math.min(...pauses) < 2_500, `${pauses}`);
    await world.server.until("Ready", "newcomer", isReady);
    await remove("newcomer");
    await undisturbed();
  });

  test("with the registry stopped a filter that follows a tag keeps serving and stays Ready, and follows again when it is back", async (t) => {
    const image = `${world.guarded.host}/filters/follower:v1`;
    const keychain = new Map([[world.guarded.host, [AUTH]]]);
    valued(await pushModule(image, await headerFilter({ name: "x-follower", value: "one" }), { keychain }));
    const spec = { image, pullPolicy: "Always", interval: "1s", pullSecrets: [{ name: "right" }] };
    await apply("follower", spec);
    const before = await world.server.until("Ready", "follower", isReady);
    await world.guarded.stop();
    const down = await world.server.until(
      "no registry",
      "follower",
      (filter) => condition(filter, "Resolved") === "Unknown RegistryUnavailable",
    );
    t.diagnostic(`a registry that stopped: ${messageOf(down, "Resolved")}`);
    assert.match(
      messageOf(down, "Resolved"),
      new RegExp(`${world.guarded.host} cannot be reached.*tried again with backoff; revision 1 keeps serving`),
    );
    assert.equal(readySince(down), readySince(before));
    assert.equal((await get(world.port)).headers["x-follower"], "one");
    world.guarded = await startRegistry({ auth: AUTH, storage: join(world.folder, "registry"), port: world.guarded.port });
    const { digest } = valued(await pushModule(image, await headerFilter({ name: "x-follower", value: "two" }), { keychain }));
    await world.server.until("the new digest", "follower", (filter) => filter.status?.digest === digest && isReady(filter));
    assert.equal((await get(world.port)).headers["x-follower"], "two");
    await remove("follower");
    await undisturbed();
  });
});

describe("proxies that ask for what nobody has, or talk nonsense", () => {
  test("a slot that no filter names is empty, is told on stderr, and leaves the proxy's other slot alone", async (t) => {
    const { port } = await startProxy(world, "web-2", "default", "edgee");
    await eventually("an answer", async () => (await get(port)).headers["x-good"] === "on");
    // A proxy that joins has to acknowledge before its filters are Ready again: from here on they stay so.
    for (const name of world.since.keys()) {
      const filter = await world.server.until("both proxies", name, (found) => isReady(found) && found.status?.proxies?.updated === 2);
      world.since.set(name, readySince(filter));
    }
    const slots = (await world.server.proxies()).find(({ id }) => id === "web-2")?.slots;
    assert.deepEqual(
      slots?.map(({ name, filters }) => [name, filters.length]),
      [
        ["default", 3],
        ["edgee", 0],
      ],
    );
    const line = await eventually("a word on stderr", () =>
      world.server
        .logs()
        .split("\n")
        .find((text) => text.includes("edgee")),
    );
    t.diagnostic(`a proxy with an unknown slot: ${line}`);
    assert.match(line, /WARN: .*slot.*edgee.*shop.*default/);
    await apply("newcomer", { ...goodSpec("harmless"), slot: "edgy" });
    const nobody = await world.server.until("nobody", "newcomer", (filter) => condition(filter, "Programmed") === "True NoProxies");
    t.diagnostic(`a filter with an unknown slot: ${messageOf(nobody, "Programmed")}`);
    assert.match(messageOf(nobody, "Programmed"), /slot "edgy"/);
    await remove("newcomer");
    await undisturbed();
  });

  test("a proxy that sends garbage is cut off and told why; nobody else notices", async (t) => {
    const { server } = world;
    const pid = server.pid();
    const told = async (what: string, why: RegExp) => {
      const refusal = new RegExp(` WARN: .*peer=127\\.0\\.0\\.1:\\d+ why=.*(${why.source})`);
      await eventually(`${what} on stderr`, () =>
        world.server
          .logs()
          .split("\n")
          .some((line) => refusal.test(line)),
      );
    };
    for (const [what, bytes] of noise) {
      await sendNoise(server.xdsPort, bytes).catch((error: Error) => assert.fail(`${what}: ${error.message}`));
    }
    await told("noise", /does not speak HTTP\/2/);
    for (const { what, path, bytes, status, says } of badStreams) {
      const answer = await sendStream(server.xdsPort, path, bytes).catch((error: Error) => assert.fail(`${what}: ${error.message}`));
      t.diagnostic(`${what}: ${answer.status} ${answer.message}`);
      assert.equal(answer.status, status, what);
      assert.match(answer.message, says, what);
      await told(what, says);
    }
    assert.equal(server.pid(), pid);
    await undisturbed();
  });
});

test("no request failed and none went unfiltered through all of it, and Envoy was never sent anything that it refused", async (t) => {
  await world.traffic.more(100);
  const totals = await world.traffic.stop();
  t.diagnostic(`requests: ${totals.sent}, failed: ${totals.failed}, unfiltered: ${totals.unfiltered}`);
  assert.ok(totals.sent > 1_000);
  assert.deepEqual([totals.failed, totals.unfiltered, totals.samples], [0, 0, []]);
  const stats = await world.envoy.get("/stats?filter=extension_config_discovery.*config_(fail|conflict)");
  for (const line of stats.trim().split("\n")) assert.match(line, /: 0$/);
  const everything = world.server.logs() + JSON.stringify(await (await fetch(`${world.server.url}/api/v1/filters`)).json());
  for (const secret of SECRETS) assert.ok(!everything.includes(secret), `${secret} was told`);
});
