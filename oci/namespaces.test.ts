import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { systemClock } from "../model/clock.ts";
import { digestOf } from "../model/digest.ts";
import type { PullOptions } from "../model/module.ts";
import { TRUST_MS } from "./access/access.ts";
import { type FakeRegistry, reply } from "./testing/fake-registry.ts";
import { addArtifact, addIndex, createContent, wasm } from "./testing/images.ts";
import { keeping, MODULE, registryOn, withFake } from "./testing/module-registry.ts";
import { failed, valued } from "./testing/result.ts";

const SECRET = "Basic dmljdGltOnB3"; // victim:pw

/** As a filter of this namespace asks, with the credentials of "victim" or without any. */
function from(namespace: string, host?: string): PullOptions {
  return { namespace, keychain: new Map(host === undefined ? [] : [[host, [{ username: "victim", password: "pw" }]]]) };
}

/** What another filter of the namespace has. */
function keptByNamespace(digest: string): NonNullable<PullOptions["kept"]> {
  return { byFilter: () => false, moduleOf: () => undefined, byNamespace: (wanted) => wanted === digest, modules: () => new Set() };
}

type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

/** `private/app` asks for credentials, `public/app` does not, `empty/app` has nothing, and `evil/app` answers as it is told. */
function guard(fake: FakeRegistry, evil: Answer = () => false): void {
  fake.intercept = (request, response) => {
    const repository = request.url?.split("/")[2];
    if (repository === "private" && request.headers.authorization !== SECRET) {
      reply(response, 401, { "www-authenticate": 'Basic realm="r"' });
      return true;
    }
    if (repository === "empty") reply(response, 404, {});
    return repository === "empty" || (repository === "evil" && evil(request, response));
  };
}

/** `HEAD 1 GET 0 blobs 0`: what was asked of the registry since the last call. */
function asked(fake: FakeRegistry): string {
  const seen = fake.requests.splice(0);
  const count = (method: string, kind: string) => seen.filter((one) => one.method === method && one.path.includes(kind)).length;
  return `HEAD ${count("HEAD", "/manifests/")} GET ${count("GET", "/manifests/")} blobs ${count("GET", "/blobs/")}`;
}

/** A registry that holds MODULE everywhere, and a store that the victim's filter brought it into from `private/app`. */
async function withStored(run: (scene: Scene) => Promise<void>, evil?: Answer): Promise<void> {
  const content = createContent();
  const { digest } = addArtifact(content, MODULE, "v1");
  await withFake(content, async (fake) => {
    guard(fake, evil);
    const time = { now: 1_000_000 };
    const clock = { ...systemClock, now: () => time.now };
    const { registry, dataDir } = await registryOn({ clock });
    const pull = (repository: string, asking: PullOptions) => registry.pull(`${fake.host}/${repository}/app:v1`, digest, asking);
    valued(await pull("private", from("victim", fake.host)));
    fake.requests.length = 0;
    await run({ fake, registry, dataDir, digest, time, pull });
  });
}

interface Scene {
  readonly fake: FakeRegistry;
  readonly registry: Awaited<ReturnType<typeof registryOn>>["registry"];
  readonly dataDir: string;
  readonly digest: ReturnType<typeof digestOf>;
  readonly time: { now: number };
  pull(repository: string, asking: PullOptions): ReturnType<Scene["registry"]["pull"]>;
}

describe("a digest that another namespace brought in", () => {
  test("is handed out after one HEAD with the namespace's own credentials, which counts for ten minutes", async () => {
    await withStored(async ({ fake, time, pull }) => {
      const asking = from("friend", fake.host);
      valued(await pull("private", asking));
      assert.equal(asked(fake), "HEAD 2 GET 0 blobs 0", "without credentials first, as registries want it");
      valued(await pull("private", asking));
      time.now += TRUST_MS - 1;
      valued(await pull("private", asking));
      assert.equal(asked(fake), "HEAD 0 GET 0 blobs 0");
      time.now += 1;
      valued(await pull("private", asking));
      assert.equal(asked(fake), "HEAD 2 GET 0 blobs 0");
    });
  });

  test("is denied without credentials, in the words and with the requests of an empty store", async () => {
    await withStored(async ({ fake, pull, registry, digest }) => {
      const denied = failed(await pull("private", from("evil")), "AccessDenied");
      const requests = asked(fake);
      failed(await registry.resolve(`${fake.host}/private/app:v1`, digest, from("evil")), "AccessDenied");
      asked(fake);
      const { registry: empty } = await registryOn();
      const cold = failed(await empty.pull(`${fake.host}/private/app:v1`, digest, from("evil")), "AccessDenied");
      assert.deepEqual(denied, cold);
      assert.deepEqual(requests, asked(fake));
    });
  });

  test("does not come out of a repository that has no such image, or not its layer", async () => {
    const withoutLayer: Answer = ({ url }, response) => {
      const isLayer = url?.includes("/blobs/") === true;
      if (isLayer) reply(response, 404, {});
      return isLayer;
    };
    await withStored(async ({ pull }) => {
      failed(await pull("empty", from("evil")), "ImageNotFound");
      failed(await pull("evil", from("evil")), "BlobNotFound");
    }, withoutLayer);
  });

  test("does not come out of a registry that claims to have it, not even when that then breaks off", async () => {
    let breaks = false;
    const claims: Answer = (request, response) => {
      const { digest } = scene as Scene;
      if (request.method === "HEAD") reply(response, 200, { "docker-content-digest": digest, "content-length": "0" });
      else if (breaks) request.destroy();
      else reply(response, 404, {});
      return true;
    };
    let scene: Scene | undefined;
    await withStored(async (stored) => {
      scene = stored;
      const { fake, pull, registry, digest } = stored;
      failed(await pull("evil", from("evil")), "ImageNotFound");
      failed(await registry.resolve(`${fake.host}/evil/app:v1`, digest, from("evil")), "ImageNotFound");
      breaks = true;
      failed(await pull("evil", from("evil-too")), "RegistryUnavailable");
      failed(await registry.resolve(`${fake.host}/evil/app:v1`, undefined, from("evil-too")), "RegistryUnavailable");
    }, claims);
  });

  test("a login page that says 200 is no access", async () => {
    const login: Answer = (_, response) => {
      reply(response, 200, { "content-type": "text/html" }, Buffer.from("<html>"));
      return true;
    };
    await withStored(async ({ fake, pull }) => {
      const { intercept } = fake;
      fake.intercept = (request, response) =>
        request.headers.authorization === SECRET ? intercept(request, response) : login(request, response);
      failed(await pull("private", from("evil")), "DigestMismatch");
    });
  });

  test("comes from any other repository that has it, once; after that a HEAD there is enough", async () => {
    await withStored(async ({ fake, pull }) => {
      valued(await pull("public", from("one")));
      assert.equal(asked(fake), "HEAD 1 GET 1 blobs 1");
      valued(await pull("public", from("two")));
      assert.equal(asked(fake), "HEAD 1 GET 0 blobs 0");
    });
  });

  test("is not joined while it is on its way", async () => {
    const content = createContent();
    const { digest } = addArtifact(content, MODULE, "v1");
    await withFake(content, async (fake) => {
      guard(fake);
      const [onItsWay, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const { intercept } = fake;
      fake.intercept = (request, response) => {
        if (intercept(request, response)) return true;
        if (!request.url?.includes("/blobs/")) return false;
        onItsWay.resolve();
        void release.promise.then(() => reply(response, 200, {}, MODULE));
        return true;
      };
      const { registry } = await registryOn();
      const pull = (asking: PullOptions) => registry.pull(`${fake.host}/private/app:v1`, digest, asking);
      const victim = pull(from("victim", fake.host));
      await onItsWay.promise;
      failed(await pull(from("evil")), "AccessDenied");
      const friend = pull(from("friend", fake.host));
      release.resolve();
      valued(await victim);
      valued(await friend);
      assert.match(asked(fake), /blobs 1$/, "who showed access shares the download");
    });
  });
});

describe("the network away", () => {
  test("a namespace goes on with what its revisions keep, after a restart too, and no other one does", async () => {
    await withStored(async ({ fake, time, pull, dataDir, digest }) => {
      const image = `${fake.host}/private/app:v1`;
      const asking = from("victim", fake.host);
      await fake.stop();
      valued(await pull("private", asking));
      failed(await pull("private", from("other", fake.host)), "RegistryUnavailable");
      time.now += TRUST_MS;
      failed(await pull("private", asking), "RegistryUnavailable");
      const { registry: restarted } = await registryOn({ dataDir });
      failed(await restarted.pull(image, digest, asking), "RegistryUnavailable");
      const kept = keptByNamespace(digest);
      valued(await pull("private", { ...asking, kept }));
      assert.equal(valued(await restarted.resolve(image, digest, { ...asking, kept })), digest);
      valued(await restarted.pull(image, digest, { ...asking, kept }));
      const other = failed(await restarted.pull(image, digest, from("other", fake.host)), "RegistryUnavailable");
      assert.ok(other.retryable);
    });
  });

  test("access that was taken away is not given back by an outage, and a filter keeps what its own revisions have", async () => {
    await withStored(async ({ fake, time, pull, digest }) => {
      const kept = keptByNamespace(digest);
      time.now += TRUST_MS;
      failed(await pull("private", { ...from("victim"), kept }), "AccessDenied");
      await fake.stop();
      failed(await pull("private", { ...from("victim", fake.host), kept }), "RegistryUnavailable");
      valued(await pull("private", keeping(digest)));
    });
  });

  test("going back to a revision of its own asks nobody", async () => {
    await withStored(async ({ fake, registry, digest }) => {
      const image = `${fake.host}/private/app@${digest}`;
      assert.equal(valued(await registry.resolve(image, undefined, keeping(digest))), digest);
      valued(await registry.pull(image, digest, keeping(digest)));
      assert.deepEqual(fake.requests, []);
    });
  });
});

describe("room on disk", () => {
  test("a namespace whose revisions keep too much gets no new module, and everything else goes on", async () => {
    const content = createContent();
    const [first, second] = [addArtifact(content, MODULE, "v1"), addArtifact(content, wasm("second"), "v2")];
    await withFake(content, async (fake) => {
      const { registry } = await registryOn({ maxNamespaceBytes: 5000 });
      const image = `${fake.host}/f:v1`;
      const kept = { ...keptByNamespace(first.digest), modules: () => new Set([digestOf(MODULE)]) };
      valued(await registry.pull(image, first.digest, from("full")));
      fake.requests.length = 0;
      const failure = failed(await registry.pull(image, second.digest, { ...from("full"), kept }), "NamespaceStoreFull");
      assert.match(failure.message, /^revisions of namespace full keep 4.9 KiB of modules; the limit is 4.8 KiB; .*--max-namespace-store/);
      assert.equal(asked(fake), "HEAD 1 GET 0 blobs 0", "nothing is downloaded");
      valued(await registry.pull(image, first.digest, { ...from("full"), kept }));
      valued(await registry.pull(image, second.digest, { ...from("full"), kept: { ...kept, byFilter: () => true } }));
      const other = { ...kept, modules: () => new Set<never>() };
      valued(await registry.pull(`${fake.host}/g:v2`, second.digest, { ...from("other"), kept: other }));
    });
  });
});

describe("key spaces", () => {
  test("a URL that gives an image's manifest does not stand in for the image", async () => {
    const content = createContent();
    const { digest } = addArtifact(content, MODULE, "v1");
    const image = content.manifests.get(digest)?.bytes;
    assert.ok(image);
    content.blobs.set(digest, image);
    await withFake(content, async (fake) => {
      const { registry } = await registryOn();
      const poison = valued(await registry.pullUrl(`http://${fake.host}/v2/evil/blobs/${digest}`, digest, from("evil")));
      assert.deepEqual([poison.digest, poison.wasmDigest], [digest, digest]);
      const name = `${fake.host}/victim/app:v1`;
      assert.equal(valued(await registry.resolve(name, undefined, from("victim"))), digest);
      assert.equal(valued(await registry.pull(name, digest, from("victim"))).wasmDigest, digestOf(MODULE));
    });
  });

  test("what a URL gave is for its namespace; another one downloads it itself, and no image's digest leads to a URL's bytes", async () => {
    const content = createContent();
    const { digest: manifest } = addArtifact(content, MODULE, "v1");
    const module = digestOf(MODULE);
    await withFake(content, async (fake) => {
      const { registry } = await registryOn();
      const url = `http://${fake.host}/v2/f/blobs/${module}?signature=hunter2`;
      valued(await registry.pullUrl(url, module, from("shop")));
      fake.requests.length = 0;
      valued(await registry.pullUrl(url, module, from("shop")));
      assert.equal(fake.requests.length, 0);
      failed(await registry.pullUrl(`http://${fake.host}/nothing`, module, from("evil")), "ModuleNotFound");
      failed(await registry.pullUrl(`http://${fake.host}/nothing`, manifest, from("evil")), "ModuleNotFound");
      valued(await registry.pullUrl(url, module, from("other")));
      failed(await registry.pull(`${fake.host}/f/app:v1`, module, from("other")), "ImageNotFound");
      await fake.stop();
      valued(await registry.pullUrl(url, module, from("shop")));
      failed(await registry.pullUrl(url, module, from("late")), "RegistryUnavailable");
    });
  });

  test("what an index means is known to those who may read it where it was read", async () => {
    const content = createContent();
    const artifact = addArtifact(content, MODULE);
    const index = addIndex(content, [artifact], "multi");
    await withFake(content, async (fake) => {
      guard(fake);
      const { registry } = await registryOn();
      const resolve = (repository: string, asking: PullOptions) =>
        registry.resolve(`${fake.host}/${repository}/app:multi`, index.digest, asking);
      assert.equal(valued(await resolve("private", from("victim", fake.host))), artifact.digest);
      asked(fake);
      assert.equal(valued(await resolve("private", from("friend", fake.host))), artifact.digest);
      assert.equal(asked(fake), "HEAD 2 GET 0 blobs 0");
      const denied = failed(await resolve("private", from("evil")), "AccessDenied");
      const missing = failed(await resolve("empty", from("evil")), "ImageNotFound");
      assert.ok(!`${denied.message}${missing.message}`.includes(artifact.digest));
    });
  });
});
