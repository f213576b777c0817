import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf } from "../../model/digest.ts";
import { json, reply, startFakeRegistry } from "../testing/fake-registry.ts";
import { type Intercept, MODULE, onBlob, withRemote } from "../testing/remote.ts";
import { failed, valued } from "../testing/result.ts";
import { createAddressPolicy } from "./address.ts";
import { createFetch } from "./fetch.ts";

const to =
  (method: string, part: string, answer: (request: IncomingMessage, response: ServerResponse) => void): Intercept =>
  (request, response) => {
    if (request.method !== method || !request.url?.includes(part)) return false;
    answer(request, response);
    return true;
  };

describe("a HEAD never decides", () => {
  for (const [what, answer] of [
    ["400", (_, response) => reply(response, 400, {})],
    ["401 without a challenge", (_, response) => reply(response, 401, {})],
    ["401 with a challenge that nobody can answer", (_, response) => reply(response, 401, { "www-authenticate": "Negotiate" })],
    ["403", (_, response) => reply(response, 403, {})],
    ["404", (_, response) => reply(response, 404, {})],
    ["405", (_, response) => reply(response, 405, {})],
    ["500", (_, response) => reply(response, 500, {})],
    ["503", (_, response) => reply(response, 503, {})],
    ["a login page", (_, response) => reply(response, 200, { "content-type": "text/html" })],
    ["200 with nothing", (_, response) => reply(response, 200, {})],
    ["200 with a digest of another hash", (_, response) => reply(response, 200, { "docker-content-digest": `sha512:${"a".repeat(128)}` })],
  ] as const satisfies readonly (readonly [string, (request: IncomingMessage, response: ServerResponse) => void])[]) {
    test(`after ${what} a GET tells`, async () => {
      await withRemote(to("HEAD", "/manifests/", answer), async ({ fake, repository, module }) => {
        const digest = fake.content.tags.get("v1");
        assert.equal(valued(await repository.peek("v1")), undefined);
        assert.equal(valued(await repository.holds(digest ?? "sha256:none")), false);
        assert.deepEqual(valued(await module()), MODULE);
        assert.equal(valued(await repository.peek("absent")), undefined);
        failed(await repository.manifest("absent"), "ImageNotFound");
      });
    });
  }

  test("of an upload neither: what cannot be looked for is sent", async () => {
    for (const status of [400, 401, 403, 405, 500]) {
      await withRemote(
        to("HEAD", "/blobs/", (_, response) => reply(response, status, {})),
        async ({ fake, repository }) => {
          const bytes = new TextEncoder().encode(`blob ${status}`);
          valued(await repository.putBlob(bytes, digestOf(bytes)));
          assert.ok(fake.content.blobs.has(digestOf(bytes)));
        },
      );
    }
  });

  test("429 is told at once: asking again makes it worse", async () => {
    await withRemote(
      to("HEAD", "/manifests/", (_, response) => reply(response, 429, {})),
      async ({ fake, repository }) => {
        failed(await repository.peek("v1"), "RateLimited");
        assert.equal(fake.requests.length, 1);
      },
    );
  });
});

describe("the digest header", () => {
  test("in capitals it is the same, and where it is missing the content tells", async () => {
    for (const header of [(digest: string) => digest.toUpperCase(), (digest: string) => ` ${digest} `, () => "", () => "sha512:abc"]) {
      const intercept: Intercept = (request, response) => {
        if (!request.url?.includes("/manifests/")) return false;
        const [, name = ""] = /\/manifests\/(.*)$/.exec(request.url) ?? [];
        const digest = name.startsWith("sha256:") ? (name as `sha256:${string}`) : content?.tags.get(name);
        const found = digest === undefined ? undefined : content?.manifests.get(digest);
        if (found === undefined || digest === undefined) return false;
        const own = header(digest);
        reply(response, 200, { "content-type": found.mediaType, ...(own !== "" && { "docker-content-digest": own }) }, found.bytes);
        return true;
      };
      let content: Parameters<Parameters<typeof withRemote>[1]>[0]["fake"]["content"] | undefined;
      await withRemote(intercept, async ({ fake, repository, module }) => {
        content = fake.content;
        const digest = fake.content.tags.get("v1");
        const peeked = valued(await repository.peek("v1"));
        assert.ok(peeked === digest || (peeked === undefined && /^sha512|^$/.test(header(digest ?? ""))));
        assert.equal(valued(await repository.holds(digest ?? "sha256:none")), true);
        assert.deepEqual(valued(await module()), MODULE);
      });
    }
  });
});

describe("tokens", () => {
  for (const document of [
    { token: "", access_token: "t0ken" },
    { token: null, access_token: "t0ken" },
    { token: "t0ken", access_token: "" },
  ]) {
    test(`${JSON.stringify(document)} holds one`, async () => {
      const issuer = await startFakeRegistry();
      issuer.intercept = (_request, response) => {
        json(response, 200, document);
        return true;
      };
      const intercept: Intercept = (request, response) => {
        if (request.headers.authorization === "Bearer t0ken") return false;
        reply(response, 401, { "www-authenticate": `Bearer realm="http://${issuer.host}/token"` });
        return true;
      };
      try {
        await withRemote(intercept, async ({ module }) => assert.deepEqual(valued(await module()), MODULE));
      } finally {
        await issuer.stop();
      }
    });
  }
});

describe("Content-Encoding, which nobody asked for", () => {
  const encoders = { gzip: gzipSync, "x-gzip": gzipSync, br: brotliCompressSync, zstd: zstdCompressSync } as const;
  for (const [name, encode] of Object.entries(encoders)) {
    test(`a blob that a proxy encoded with ${name} is decoded, and one that only says so is taken as it is`, async () => {
      for (const body of [new Uint8Array(encode(MODULE)), MODULE]) {
        await withRemote(
          onBlob((_, response) => reply(response, 200, { "content-encoding": name }, body)),
          async ({ module }) => assert.deepEqual(valued(await module()), MODULE),
        );
      }
    });
  }

  test("manifests, tags and tokens are decoded too", async () => {
    const issuer = await startFakeRegistry();
    const gzip = (response: ServerResponse, document: Uint8Array | object, type = "application/json") => {
      const bytes = document instanceof Uint8Array ? document : Buffer.from(JSON.stringify(document));
      reply(response, 200, { "content-type": type, "content-encoding": "gzip" }, gzipSync(bytes));
    };
    issuer.intercept = (_request, response) => {
      gzip(response, { token: "t0ken" });
      return true;
    };
    let manifest: { bytes: Uint8Array; mediaType: string } | undefined;
    const intercept: Intercept = (request, response) => {
      if (request.headers.authorization !== "Bearer t0ken")
        reply(response, 401, { "www-authenticate": `Bearer realm="http://${issuer.host}/token"` });
      else if (request.url?.includes("/tags/")) gzip(response, { tags: ["v1"] });
      else if (request.url?.includes("/manifests/") && manifest !== undefined) gzip(response, manifest.bytes, manifest.mediaType);
      else return false;
      return true;
    };
    try {
      await withRemote(intercept, async ({ fake, repository, module }) => {
        [manifest] = [...fake.content.manifests.values()];
        assert.deepEqual(valued(await repository.tags()), ["v1"]);
        assert.deepEqual(valued(await module()), MODULE);
      });
    } finally {
      await issuer.stop();
    }
  });

  test("what has the digest in no form is refused, and what inflates without end is not inflated", async () => {
    const bomb = gzipSync(Buffer.alloc(64 << 20));
    for (const [body, encoding] of [
      [gzipSync("other"), "gzip"],
      [Buffer.from("no gzip"), "gzip"],
      [gzipSync(MODULE), "unheard-of"],
      [bomb, "gzip"],
      [gzipSync(gzipSync(gzipSync(gzipSync(MODULE)))), "gzip, gzip, gzip, gzip"],
    ] as const) {
      await withRemote(
        onBlob((_, response) => reply(response, 200, { "content-encoding": encoding }, new Uint8Array(body))),
        async ({ module }) => void failed(await module(), "DigestMismatch"),
      );
    }
  });

  test("an encoded blob that breaks off is asked for anew, from its beginning", async () => {
    let asked = 0;
    const encoded = gzipSync(MODULE);
    await withRemote(
      onBlob((request, response) => {
        assert.equal(request.headers.range, undefined);
        if (++asked === 2) return reply(response, 200, { "content-encoding": "gzip" }, new Uint8Array(encoded));
        response.writeHead(200, { "content-encoding": "gzip", "content-length": encoded.length });
        response.write(encoded.subarray(0, 50));
        setTimeout(() => response.destroy(), 20);
      }),
      async ({ module }) => assert.deepEqual(valued(await module()), MODULE),
    );
    assert.equal(asked, 2);
  });
});

describe("ports", () => {
  /** Of those that browsers do not connect to: https://fetch.spec.whatwg.org/#port-blocking */
  const BLOCKED = [6000, 5061, 6667, 10080, 2049, 5060, 6665, 6666, 6668, 6669, 6697, 4190, 4045, 3659];

  test("a registry may be at a port that the fetch of browsers refuses", async (t) => {
    const server = await listenAtFirst(BLOCKED, (_, response) => void response.end("here"));
    if (server === undefined) return t.skip("every one of these ports is taken");
    t.after(() => server.close());
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    const fetch = createFetch({ policy: createAddressPolicy({ loopback: true, allowed: [] }), proxies: false });
    const answer = await fetch(`http://127.0.0.1:${port}/`, {}, "registry");
    assert.equal(answer.status, 200);
    await answer.body?.cancel();
  });
});

async function listenAtFirst(ports: readonly number[], answer: Parameters<typeof createServer>[1]): Promise<Server | undefined> {
  for (const port of ports) {
    const server = createServer(answer);
    const isListening = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (isListening) return server;
  }
  return undefined;
}
