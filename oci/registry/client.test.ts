import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "node:test";
import type { Clock } from "../../model/clock.ts";
import { digestOf } from "../../model/digest.ts";
import type { Credentials } from "../../model/module.ts";
import type { Result } from "../../model/result.ts";
import { fetchModule, findImage, type Image } from "../image/image.ts";
import { httpOptions, type OciOptions } from "../open.ts";
import type { Repository } from "../repository/repository.ts";
import { type FakeRegistry, json, reply, sendBlob, startFakeRegistry } from "../testing/fake-registry.ts";
import { addArtifact, addBlob, addDocument, addManifest, createContent, wasm } from "../testing/images.ts";
import { failed, valued } from "../testing/result.ts";
import { createRemoteRepository } from "./client.ts";

const MODULE = wasm("module", 300_000);
const credentials: Credentials = { username: "robot", password: "hunter2" };

type Intercept = FakeRegistry["intercept"];

interface Bench {
  readonly fake: FakeRegistry;
  readonly repository: Repository;
  open(options?: OciOptions & { credentials?: Credentials | undefined }): Repository;
  /** The whole way of a module: tag, manifest, layer. */
  module(repository?: Repository): Promise<Result<Uint8Array>>;
}

/** A registry that holds MODULE as `v1`, with `intercept` in front of it. */
async function bench(intercept: Intercept, run: (bench: Bench) => Promise<void>): Promise<void> {
  const content = createContent();
  addArtifact(content, MODULE, "v1");
  const fake = await startFakeRegistry(content);
  fake.intercept = intercept;
  const open: Bench["open"] = (options = {}) =>
    createRemoteRepository(
      { kind: "registry", registry: fake.host, repository: "team/filter", tag: "v1", digest: undefined },
      { http: httpOptions(options), credentials: "credentials" in options ? options.credentials : credentials },
    );
  const repository = open();
  const module: Bench["module"] = async (from = repository) => {
    const image = await findImage(from, "v1");
    if (!image.ok) return image;
    const fetched = await fetchModule(from, image.value, { moduleBytes: 1 << 20, archiveBytes: 1 << 20 });
    return fetched.ok ? { ok: true, value: fetched.value.bytes } : fetched;
  };
  try {
    await run({ fake, repository, open, module });
  } finally {
    await fake.stop();
  }
}

const onBlob =
  (answer: (request: IncomingMessage, response: ServerResponse) => void): Intercept =>
  (request, response) => {
    if (!request.url?.includes("/blobs/")) return false;
    answer(request, response);
    return true;
  };

/** Sends the first `bytes` of an answer that promised more, then cuts the connection. */
function breakOff(response: ServerResponse, blob: Uint8Array, from: number, bytes: number): void {
  const status = from > 0 ? 206 : 200;
  response.writeHead(status, {
    "content-length": blob.byteLength - from,
    ...(from > 0 && { "content-range": `bytes ${from}-${blob.byteLength - 1}/${blob.byteLength}` }),
  });
  response.write(blob.subarray(from, from + bytes), () => response.destroy());
}

const rangeStart = (request: IncomingMessage) => Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);

test("a blob that breaks off is taken up where it ended", async () => {
  let tries = 0;
  const intercept = onBlob((request, response) => {
    if (++tries < 3) breakOff(response, MODULE, rangeStart(request), 100_000);
    else sendBlob(request, response, MODULE);
  });
  await bench(intercept, async ({ fake, module }) => {
    assert.deepEqual(valued(await module()), MODULE);
    const ranges = fake.requests.filter(({ path }) => path.includes("/blobs/")).map(({ headers }) => headers.range);
    assert.equal(ranges.length, 3);
    assert.equal(ranges[0], undefined);
    assert.match(ranges[1] ?? "", /^bytes=[1-9]\d*-$/);
  });
});

test("a registry that ignores Range starts the blob over", async () => {
  let tries = 0;
  const intercept = onBlob((_request, response) => {
    if (++tries === 1) breakOff(response, MODULE, 0, 100_000);
    else reply(response, 200, {}, MODULE);
  });
  await bench(intercept, async ({ module }) => assert.deepEqual(valued(await module()), MODULE));
});

test("a truncated blob is told from a wrong one", async () => {
  const short = onBlob((request, response) => sendBlob(request, response, MODULE.subarray(0, 1000)));
  await bench(short, async ({ module }) => {
    const failure = failed(await module(), "TruncatedBlob");
    assert.match(failure.message, new RegExp(`ended after 1000 of ${MODULE.byteLength} bytes`));
    assert.ok(failure.retryable);
  });
  const breaking = onBlob((request, response) => breakOff(response, MODULE, rangeStart(request), 10));
  await bench(breaking, async ({ fake, module }) => {
    failed(await module(), "TruncatedBlob");
    assert.ok(fake.requests.length < 10, "gives up after a few tries");
  });
  const changed = MODULE.slice();
  changed[changed.length - 1] = 7;
  const wrong = onBlob((request, response) => sendBlob(request, response, changed));
  await bench(wrong, async ({ module }) => {
    const failure = failed(await module(), "DigestMismatch");
    assert.ok(failure.message.includes(digestOf(MODULE)) && failure.message.includes(digestOf(changed)));
    assert.ok(!failure.retryable);
  });
});

test("a blob longer than its descriptor is cut off at once", async () => {
  let sent = 0;
  const endless = onBlob((_request, response) => {
    response.writeHead(200);
    const pour = () => {
      if (response.destroyed || sent > 50_000_000) return;
      sent += 65_536;
      response.write(new Uint8Array(65_536), pour);
    };
    pour();
  });
  await bench(endless, async ({ module }) => {
    failed(await module(), "DigestMismatch");
    assert.ok(sent < 20_000_000, `the registry could send ${sent} bytes`);
  });
});

test("a layer beyond the limit is refused before a byte of it is fetched", async () => {
  await bench(
    () => false,
    async ({ fake, repository }) => {
      const image = valued(await findImage(repository, "v1"));
      failed(await fetchModule(repository, image, { moduleBytes: 1000, archiveBytes: 1000 }), "ModuleTooLarge");
      const small: Image = { ...image, moduleLayer: { form: "wasm", layer: { ...image.moduleLayer.layer, size: 2 ** 50 } } };
      failed(await fetchModule(repository, small, { moduleBytes: 1 << 20, archiveBytes: 1 }), "ModuleTooLarge");
      assert.ok(!fake.requests.some(({ path }) => path.includes("/blobs/")));
    },
  );
});

test("a manifest that is not what its digest says is refused, and so is a digest header that lies", async () => {
  const content = createContent();
  const honest = addArtifact(content, MODULE, "v1");
  const other = addArtifact(content, wasm("other"));
  const lie: Intercept = (request, response) => {
    if (!request.url?.includes("/manifests/")) return false;
    const bytes = content.manifests.get(other.digest)?.bytes ?? new Uint8Array();
    reply(response, 200, { "content-type": other.mediaType, "docker-content-digest": honest.digest }, bytes);
    return true;
  };
  await bench(lie, async ({ repository }) => {
    failed(await findImage(repository, honest.digest), "DigestMismatch");
    failed(await findImage(repository, "v1"), "DigestMismatch");
  });
});

test("a manifest larger than 4 MiB is refused", async () => {
  const huge: Intercept = (request, response) => {
    if (request.method !== "GET") return false;
    reply(response, 200, { "content-type": "application/json" }, new Uint8Array(5 << 20));
    return true;
  };
  await bench(huge, async ({ repository }) => void failed(await findImage(repository, "v1"), "InvalidManifest"));
});

test("unknown image, missing layer, denied, rate limit and a failing registry each have their own reason", async () => {
  const answering =
    (status: number, headers: Record<string, string> = {}): Intercept =>
    (_request, response) => {
      json(response, status, { errors: [{ code: "SOME_CODE", message: "<b>from the registry</b>" }] }, headers);
      return true;
    };
  const table: [Intercept, string, boolean, RegExp][] = [
    [answering(404), "ImageNotFound", false, /team\/filter has no image v1/],
    [answering(401, { "www-authenticate": 'Basic realm="x"' }), "AccessDenied", false, /user "robot"/],
    [answering(403), "AccessDenied", false, /403: SOME_CODE/],
    [answering(429, { "retry-after": "17" }), "RateLimited", true, /try again in 17 s/],
    [answering(503), "RegistryUnavailable", true, /503: SOME_CODE/],
    [answering(418), "RegistryRefused", false, /418/],
  ];
  for (const [intercept, reason, retryable, message] of table) {
    await bench(intercept, async ({ repository }) => {
      const failure = failed(await findImage(repository, "v1"), reason);
      assert.equal(failure.retryable, retryable, reason);
      assert.match(failure.message, message);
      assert.ok(!failure.message.includes("<b>") && !failure.message.includes("hunter2"), failure.message);
    });
  }
  await bench(
    onBlob((_request, response) => json(response, 404, {})),
    async ({ module }) => void failed(await module(), "BlobNotFound"),
  );
});

test("no credentials at a private registry is said as such", async () => {
  const asking: Intercept = (_request, response) => {
    reply(response, 401, { "www-authenticate": 'Basic realm="x"' });
    return true;
  };
  await bench(asking, async ({ open }) => {
    const failure = failed(await findImage(open({ credentials: undefined }), "v1"), "AccessDenied");
    assert.match(failure.message, /name a pull secret .* in spec\.pullSecrets/);
  });
});

test("a registry that nobody answers for is unavailable for now, by host and cause", async () => {
  await bench(
    () => false,
    async ({ fake, repository }) => {
      await fake.stop();
      const failure = failed(await findImage(repository, "v1"), "RegistryUnavailable");
      assert.ok(failure.retryable);
      assert.match(failure.message, /^127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/);
    },
  );
});

/** A clock whose timers fire when told to. */
function handClock(): Clock & { fire(): void; pending(): number; armed(): number } {
  const timers = new Set<() => void>();
  let armed = 0;
  return {
    now: () => 0,
    armed: () => armed,
    after(_ms, run) {
      armed++;
      timers.add(run);
      return () => void timers.delete(run);
    },
    fire() {
      for (const run of [...timers]) run();
    },
    pending: () => timers.size,
  };
}

test("a registry that falls silent is given up, before its answer or in the middle of a blob", async () => {
  const reached = Promise.withResolvers<void>();
  const silent: Intercept = () => {
    reached.resolve();
    return true;
  };
  await bench(silent, async ({ open }) => {
    const clock = handClock();
    const asking = findImage(open({ clock }), "v1");
    await reached.promise;
    clock.fire();
    assert.match(failed(await asking, "RegistryUnavailable").message, /did not answer in time/);
    assert.equal(clock.pending(), 0);
  });
  const clock = handClock();
  /** Fires once the client has seen the first bytes: a sign of life arms its timer anew. */
  const fireAfterLife = (armed: number): unknown => (clock.armed() > armed ? clock.fire() : setImmediate(() => fireAfterLife(armed)));
  const stalled = onBlob((_request, response) => {
    response.writeHead(200, { "content-length": MODULE.byteLength });
    response.write(MODULE.subarray(0, 10));
    fireAfterLife(clock.armed());
  });
  await bench(stalled, async ({ module, open }) => {
    const asking = module(open({ clock }));
    const failure = failed(await asking, "TruncatedBlob");
    assert.match(failure.message, /did not answer in time/);
  });
});

test("no timer outlives a pull", async () => {
  await bench(
    () => false,
    async ({ module, open }) => {
      const clock = handClock();
      valued(await module(open({ clock })));
      assert.equal(clock.pending(), 0);
    },
  );
});

test("a blob may come from another host, which never sees the Authorization header", async () => {
  const elsewhere = await startFakeRegistry();
  elsewhere.intercept = (request, response) => {
    sendBlob(request, response, MODULE);
    return true;
  };
  const expected = `Basic ${Buffer.from("robot:hunter2").toString("base64")}`;
  const intercept: Intercept = (request, response) => {
    if (request.headers.authorization !== expected) reply(response, 401, { "www-authenticate": 'Basic realm="r"' });
    else if (request.url?.includes("/blobs/")) reply(response, 307, { location: `http://${elsewhere.host}/signed?signature=s3cret` });
    else return false;
    return true;
  };
  try {
    await bench(intercept, async ({ fake, module }) => {
      assert.deepEqual(valued(await module()), MODULE);
      assert.ok(fake.requests.some(({ headers }) => headers.authorization === expected));
      assert.equal(elsewhere.requests.length, 1);
      assert.ok(elsewhere.requests.every(({ headers }) => headers.authorization === undefined));
    });
    elsewhere.intercept = (_request, response) => {
      reply(response, 401, { "www-authenticate": `Bearer realm="http://${elsewhere.host}/token"` });
      return true;
    };
    elsewhere.requests.length = 0;
    await bench(intercept, async ({ module }) => {
      const failure = failed(await module(), "AccessDenied");
      assert.ok(!failure.message.includes("s3cret"));
      assert.ok(elsewhere.requests.length > 0 && elsewhere.requests.every(({ headers }) => headers.authorization === undefined));
      assert.ok(!elsewhere.requests.some(({ path }) => path.startsWith("/token")), "its realm is not asked");
    });
  } finally {
    await elsewhere.stop();
  }
});

test("a redirect back to the registry does not bring the header back, and a loop of redirects ends", async () => {
  const looping: Intercept = (request, response) => {
    if (!request.url?.includes("/blobs/")) return false;
    reply(response, 302, { location: request.url });
    return true;
  };
  await bench(looping, async ({ module, fake }) => {
    assert.match(failed(await module(), "RegistryUnavailable").message, /redirects more than/);
    assert.ok(fake.requests.length < 12);
  });
});

/** A token service and a registry that wants its tokens, for the scope that it names. */
function tokenRegistry(realm: () => string, token = "t0ken"): Intercept {
  return (request, response) => {
    if (request.headers.authorization === `Bearer ${token}`) return false;
    const challenge = `Bearer realm="${realm()}",service="reg.example",scope="repository:team/filter:pull"`;
    json(response, 401, { errors: [{ code: "UNAUTHORIZED" }] }, { "www-authenticate": challenge });
    return true;
  };
}

test("the token flow: credentials go to the realm, the token to the registry, once per session", async () => {
  const issuer = await startFakeRegistry();
  issuer.intercept = (_request, response) => {
    json(response, 200, { token: "t0ken" });
    return true;
  };
  try {
    await bench(
      tokenRegistry(() => `http://${issuer.host}/token`),
      async ({ fake, module }) => {
        assert.deepEqual(valued(await module()), MODULE);
        assert.equal(issuer.requests.length, 1);
        const [asked] = issuer.requests;
        const query = new URL(asked?.path ?? "", "http://x").searchParams;
        assert.equal(query.get("service"), "reg.example");
        assert.equal(query.get("scope"), "repository:team/filter:pull");
        assert.equal(asked?.headers.authorization, `Basic ${Buffer.from("robot:hunter2").toString("base64")}`);
        const sent = fake.requests.map(({ headers }) => headers.authorization);
        assert.deepEqual([...new Set(sent)], [undefined, "Bearer t0ken"]);
      },
    );
    issuer.requests.length = 0;
    await bench(
      tokenRegistry(() => `http://${issuer.host}/token`),
      async ({ module, open }) => {
        valued(await module(open({ credentials: undefined })));
        assert.equal(issuer.requests[0]?.headers.authorization, undefined);
      },
    );
  } finally {
    await issuer.stop();
  }
});

test("an identity token is exchanged by POST and never sent as a password", async () => {
  const issuer = await startFakeRegistry();
  let form = "";
  issuer.intercept = (request, response) => {
    request.on("data", (chunk) => {
      form += chunk;
    });
    request.on("end", () => json(response, 200, { access_token: "t0ken" }));
    return true;
  };
  try {
    await bench(
      tokenRegistry(() => `http://${issuer.host}/token`),
      async ({ module, open }) => {
        assert.deepEqual(valued(await module(open({ credentials: { username: "<token>", password: "refresh" } }))), MODULE);
        const [asked] = issuer.requests;
        assert.deepEqual([asked?.method, asked?.path, asked?.headers.authorization], ["POST", "/token", undefined]);
        assert.deepEqual(Object.fromEntries(new URLSearchParams(form)), {
          grant_type: "refresh_token",
          refresh_token: "refresh",
          client_id: "weir",
          scope: "repository:team/filter:pull",
          service: "reg.example",
        });
      },
    );
  } finally {
    await issuer.stop();
  }
});

test("a realm that refuses, fails, or answers nonsense each has its reason, and nothing secret is quoted", async () => {
  const issuer = await startFakeRegistry();
  const table: [(response: ServerResponse) => void, string][] = [
    [(response) => json(response, 401, {}), "AccessDenied"],
    [(response) => json(response, 503, {}), "RegistryUnavailable"],
    [(response) => json(response, 429, {}), "RateLimited"],
    [(response) => json(response, 200, { token: "a\nb hunter2" }), "AccessDenied"],
    [(response) => json(response, 200, ["hunter2"]), "AccessDenied"],
  ];
  try {
    for (const [answer, reason] of table) {
      issuer.intercept = (_request, response) => {
        answer(response);
        return true;
      };
      await bench(
        tokenRegistry(() => `http://${issuer.host}/token`),
        async ({ module }) => assert.ok(!failed(await module(), reason).message.includes("hunter2")),
      );
    }
  } finally {
    await issuer.stop();
  }
});

test("credentials never go to a plain-HTTP realm that is not the registry's own kind", async () => {
  for (const realm of ["http://tokens.example/token", "ftp://x/", "nonsense"]) {
    await bench(
      tokenRegistry(() => realm),
      async ({ module, open }) => {
        const urls: string[] = [];
        const recording = (url: string, init: RequestInit) => {
          urls.push(url);
          return fetch(url, init);
        };
        failed(await module(open({ fetch: recording })), "AccessDenied");
        assert.ok(
          urls.every((url) => url.startsWith("http://127.0.0.1")),
          urls.join(),
        );
      },
    );
  }
});

test("an HTTPS registry cannot send anyone to plain HTTP, by redirect or as a realm", async () => {
  const urls: string[] = [];
  const repository = (answer: () => Response) =>
    createRemoteRepository(
      { kind: "registry", registry: "r.example", repository: "a", tag: "v1", digest: undefined },
      {
        http: httpOptions({
          fetch: async (url) => {
            urls.push(url);
            return answer();
          },
        }),
        credentials,
      },
    );
  const redirect = () => new Response(null, { status: 307, headers: { location: "http://127.0.0.1:18001/api/v1/filters" } });
  assert.match(failed(await repository(redirect).manifest("v1"), "RegistryUnavailable").message, /not HTTPS/);
  const challenge = () => new Response(null, { status: 401, headers: { "www-authenticate": 'Bearer realm="http://127.0.0.1/token"' } });
  failed(await repository(challenge).manifest("v1"), "AccessDenied");
  assert.deepEqual([...new Set(urls)], ["https://r.example/v2/a/manifests/v1"]);
});

test("Docker Hub's API has its own host; hosts named for plain HTTP get it", async () => {
  const urls: string[] = [];
  const http = httpOptions({
    plainHttp: ["registry.local:5000"],
    fetch: async (url) => {
      urls.push(url);
      return new Response(null, { status: 404 });
    },
  });
  for (const registry of [
    "docker.io",
    "registry.local:5000",
    "registry.local:5001",
    "localhost:5000",
    "127.1.2.3",
    "[::1]:5000",
    "127.0.0.1.evil.example",
  ]) {
    await createRemoteRepository(
      { kind: "registry", registry, repository: "a", tag: "v1", digest: undefined },
      { http, credentials: undefined },
    ).peek("v1");
  }
  assert.deepEqual(
    urls.map((url) => new URL(url).origin),
    [
      "https://registry-1.docker.io",
      "http://registry.local:5000",
      "https://registry.local:5001",
      "http://localhost:5000",
      "http://127.1.2.3",
      "http://[::1]:5000",
      "https://127.0.0.1.evil.example",
    ],
  );
});

test("tags are listed page by page, and a next page on another host is not followed", async () => {
  const pages: Intercept = (request, response) => {
    if (request.url?.endsWith("/tags/list"))
      json(response, 200, { tags: ["b", "a"] }, { link: '</v2/team/filter/tags/list?last=b>; rel="next"' });
    else if (request.url?.endsWith("last=b")) json(response, 200, { tags: ["c"] }, { link: '<https://evil.example/tags>; rel="next"' });
    else return false;
    return true;
  };
  await bench(pages, async ({ repository }) => assert.deepEqual(valued(await repository.tags()), ["a", "b", "c"]));
});

test("a canceled request says so", async () => {
  const controller = new AbortController();
  const never: Intercept = () => {
    controller.abort();
    return true;
  };
  await bench(never, async ({ repository }) => void failed(await repository.manifest("v1", controller.signal), "Canceled"));
});

test("an image with no module, two modules, or a foreign manifest is refused by name", async () => {
  const content = createContent();
  const text = addBlob(content, "text/plain", Buffer.from("hi"));
  addManifest(content, "application/vnd.oci.image.config.v1+json", [text], "none");
  const layers = ["a", "b"].map((name) => addBlob(content, "application/wasm", wasm(name)));
  addManifest(content, "application/vnd.wasm.config.v0+json", layers, "two");
  addDocument(content, "application/vnd.docker.distribution.manifest.v1+prettyjws", { schemaVersion: 1, fsLayers: [] }, "old");
  addDocument(content, "application/json", { schemaVersion: 2, layers: [], manifests: [], config: {} }, "both");
  addDocument(
    content,
    "application/json",
    { schemaVersion: 2, layers: [{ mediaType: "application/wasm", digest: "sha512:aa", size: 3 }], config: text },
    "sha512",
  );
  addDocument(content, "application/json", { schemaVersion: 2, layers: [{ ...text, size: -1 }], config: text }, "negative");
  const fake = await startFakeRegistry(content);
  try {
    const repository = createRemoteRepository(
      { kind: "registry", registry: fake.host, repository: "a", tag: "v1", digest: undefined },
      { http: httpOptions({}), credentials: undefined },
    );
    assert.match(failed(await findImage(repository, "none"), "NoWasmLayer").message, /text\/plain/);
    failed(await findImage(repository, "two"), "SeveralWasmLayers");
    assert.match(failed(await findImage(repository, "old"), "InvalidManifest").message, /schema 1/);
    assert.match(failed(await findImage(repository, "both"), "InvalidManifest").message, /both layers and manifests/);
    assert.match(failed(await findImage(repository, "sha512"), "InvalidManifest").message, /sha512/);
    assert.match(failed(await findImage(repository, "negative"), "InvalidManifest").message, /no size/);
  } finally {
    await fake.stop();
  }
});
