import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { silentLog } from "../../model/log.ts";
import type { Keychain } from "../../model/module.ts";
import { createFakeClock } from "../../model/testing/fake-clock.ts";
import { inspectImage, listTags } from "../inspect.ts";
import { openReference } from "../open.ts";
import { type FakeRegistry, json, reply, startFakeRegistry } from "../testing/fake-registry.ts";
import { addArtifact, createContent, wasm } from "../testing/images.ts";
import { failed, valued } from "../testing/result.ts";
import { createMirrors, parseMirror } from "./mirrors.ts";

const MODULE = wasm("mirrored", 5_000);
const open: FakeRegistry[] = [];
afterEach(() => Promise.all(open.splice(0).map((each) => each.stop())));

async function holding(module: Uint8Array | undefined, intercept?: FakeRegistry["intercept"]): Promise<FakeRegistry> {
  const content = createContent();
  if (module !== undefined) addArtifact(content, module, "v1");
  const fake = await startFakeRegistry(content);
  if (intercept !== undefined) fake.intercept = intercept;
  open.push(fake);
  return fake;
}

type Act = (...exchange: Parameters<FakeRegistry["intercept"]>) => void;
/** Answers requests whose path has `part` in it. */
const to =
  (part: string, act: Act): FakeRegistry["intercept"] =>
  (request, response) => {
    if (request.url?.includes(part) !== true) return false;
    act(request, response);
    return true;
  };
const hangUp: Act = (request) => void request.socket.destroy();

/** The registry `origin` with a mirror, as a server has them. */
function scene(origin: FakeRegistry, mirror: FakeRegistry, path = "") {
  const clock = createFakeClock();
  const warned: unknown[] = [];
  const log = { ...silentLog, warn: (text: string, facts?: object) => void warned.push([text, facts]) };
  const mirrors = createMirrors([{ registry: origin.host, host: mirror.host, prefix: path }], { clock, log });
  const keychain: Keychain = new Map([
    [origin.host, [{ username: "origin", password: "pw-origin" }]],
    [mirror.host, [{ username: "mirror", password: "pw-mirror" }]],
  ]);
  const image = `${origin.host}/team/f:v1`;
  return { clock, warned, inspect: () => inspectImage(image, { keychain, mirrors }), tags: () => listTags(image, { keychain, mirrors }) };
}

const usersAt = ({ requests }: FakeRegistry) =>
  new Set(
    requests.flatMap(({ headers: { authorization } }) =>
      authorization === undefined ? [] : [Buffer.from(authorization.slice(6), "base64").toString()],
    ),
  );
const closed: FakeRegistry["intercept"] = (request, response) => {
  if (request.headers.authorization !== undefined) return false;
  reply(response, 401, { "www-authenticate": 'Basic realm="r"' });
  return true;
};

describe("a mirror", () => {
  test("is read first, below its own path, and the registry is not asked", async () => {
    const [origin, mirror] = [await holding(undefined), await holding(MODULE)];
    assert.deepEqual(valued(await scene(origin, mirror, "copies/").inspect()).bytes, MODULE);
    assert.equal(origin.requests.length, 0);
    assert.ok(mirror.requests.every(({ path }) => path.startsWith("/v2/copies/team/f/")));
  });

  test("gets the credentials of its own host and no others, and so does the registry", async () => {
    const mirror = await holding(MODULE, (request, response) => {
      if (closed(request, response)) return true;
      if (!request.url?.includes("/blobs/")) return false;
      json(response, 404, {});
      return true;
    });
    const origin = await holding(MODULE, closed);
    assert.deepEqual(valued(await scene(origin, mirror).inspect()).bytes, MODULE);
    assert.deepEqual([usersAt(origin), usersAt(mirror)], [new Set(["origin:pw-origin"]), new Set(["mirror:pw-mirror"])]);
  });

  test("that has not, denies, fails, or has other content is passed over; what comes has the digest", async () => {
    const answers: Record<string, FakeRegistry["intercept"]> = {
      nothing: to("", (_, response) => json(response, 404, { errors: [{ code: "MANIFEST_UNKNOWN" }] })),
      denied: to("", (_, response) => json(response, 403, {})),
      fails: to("", (_, response) => json(response, 500, {})),
      lies: to("/blobs/", (_, response) => reply(response, 200, {}, new Uint8Array(MODULE.length))),
      breaks: to("/manifests/", hangUp),
    };
    for (const [name, intercept] of Object.entries(answers)) {
      const [origin, mirror] = [await holding(MODULE), await holding(MODULE, intercept)];
      const { inspect, warned } = scene(origin, mirror);
      assert.deepEqual(valued(await inspect()).bytes, MODULE, name);
      assert.equal(warned.length > 0, ["fails", "lies", "breaks"].includes(name), name);
    }
  });

  test("that is away is left out for a while, and told once", async () => {
    const [origin, mirror] = [await holding(MODULE), await holding(MODULE, to("", hangUp))];
    const { inspect, clock, warned } = scene(origin, mirror);
    for (let i = 0; i < 3; i++) valued(await inspect());
    const before = mirror.requests.length;
    await clock.advance(29_000);
    valued(await inspect());
    assert.deepEqual([mirror.requests.length, warned.length], [before, 1]);
    mirror.intercept = () => false;
    await clock.advance(1_000);
    valued(await inspect());
    assert.ok(mirror.requests.length > before);
  });

  test("that fails or hangs for one namespace is left out for that one alone", async () => {
    const refusing = to("/manifests/", (_, response) => json(response, 503, {}));
    const [origin, mirror] = [await holding(MODULE), await holding(MODULE, refusing)];
    const mirrors = createMirrors([{ registry: origin.host, host: mirror.host, prefix: "" }], { clock: createFakeClock(), log: silentLog });
    const inspect = (namespace: string) => inspectImage(`${origin.host}/team/f:v1`, { keychain: new Map(), mirrors, namespace });
    valued(await inspect("tenant"));
    mirror.intercept = () => false;
    const asked = mirror.requests.length;
    valued(await inspect("tenant"));
    assert.equal(mirror.requests.length, asked, "left out");
    const before = origin.requests.length;
    valued(await inspect("shop"));
    assert.ok(mirror.requests.length > asked);
    assert.equal(origin.requests.length, before, "all of it came from the mirror");
  });

  test("tells of signatures only while the registry is away: it may have those of yesterday", async () => {
    const [origin, mirror] = [await holding(MODULE), await holding(MODULE)];
    const mirrors = createMirrors([{ registry: origin.host, host: mirror.host, prefix: "" }], { clock: createFakeClock(), log: silentLog });
    const { repository } = valued(openReference(`${origin.host}/team/f:v1`, new Map(), { mirrors }));
    const tag = `sha256-${"a".repeat(64)}.sig`;
    const [old, present] = [addArtifact(mirror.content, MODULE, tag).digest, addArtifact(origin.content, wasm("signed", 100), tag).digest];
    assert.notEqual(old, present);
    const read = async () => valued(await repository.manifest(tag)).digest;
    assert.equal(await read(), present);
    origin.intercept = to("", hangUp);
    assert.equal(await read(), old);
  });

  test("lists tags only while the registry is away: it may have some of them", async () => {
    const [origin, mirror] = [await holding(MODULE), await holding(MODULE)];
    mirror.content.tags.set("only-here", [...mirror.content.tags.values()][0] as never);
    const { tags } = scene(origin, mirror);
    assert.deepEqual(valued(await tags()), ["v1"]);
    origin.intercept = to("", hangUp);
    assert.deepEqual(valued(await tags()), ["only-here", "v1"]);
  });

  test("that fails with the registry is told beside what the registry said", async () => {
    const [origin, mirror] = [
      await holding(undefined),
      await holding(
        undefined,
        to("", (_, response) => json(response, 500, {})),
      ),
    ];
    assert.match(
      failed(await scene(origin, mirror).inspect(), "ImageNotFound").message,
      /; its mirror failed too \(RegistryUnavailable\)$/,
    );
  });
});

test("a mirror is for its registry in every spelling, and for no other port", () => {
  const mirrors = createMirrors([valued(parseMirror("Registry.example:443=mirror.example"))], { clock: createFakeClock(), log: silentLog });
  const hosts = (registry: string) =>
    mirrors.placesOf({ kind: "registry", registry, repository: "f", tag: "v1", digest: undefined }, "shop").map((place) => place.registry);
  for (const name of ["registry.example", "REGISTRY.example", "registry.example:443"])
    assert.deepEqual(hosts(name), ["mirror.example"], name);
  for (const name of ["registry.example:5000", "other.example"]) assert.deepEqual(hosts(name), [], name);
  failed(parseMirror("registry.example=Registry.example:443"), "InvalidMirror");
});

test("a mirror is told by a registry and a host, with a path where it has one", () => {
  assert.deepEqual(valued(parseMirror("registry.example=mirror.example")), {
    registry: "registry.example",
    host: "mirror.example",
    prefix: "",
  });
  assert.deepEqual(valued(parseMirror("docker.io=mirror.example:5000/hub/")), {
    registry: "docker.io",
    host: "mirror.example:5000",
    prefix: "hub/",
  });
  assert.deepEqual(valued(parseMirror("index.docker.io=[::1]:5000")).registry, "docker.io");
  for (const text of [
    "",
    "a=b",
    "registry.example",
    "registry.example=",
    "=mirror.example",
    "r.example/x=m.example",
    "r.example=r.example",
    "r.example=https://m.example",
    "r.example=m.example/A",
  ])
    failed(parseMirror(text), "InvalidMirror");
});
