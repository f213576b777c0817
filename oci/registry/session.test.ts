import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { digestOf } from "../../model/digest.ts";
import { httpOptions } from "../open.ts";
import { json, reply, sendBlob, startFakeRegistry } from "../testing/fake-registry.ts";
import { credentials, type Intercept, MODULE, withRemote } from "../testing/remote.ts";
import { failed, valued } from "../testing/result.ts";
import { createRemoteRepository } from "./client.ts";

/** A token service and a registry that wants its tokens, for the scope that it names. */
function tokenRegistry(realm: () => string, token = "t0ken"): Intercept {
  return (request, response) => {
    if (request.headers.authorization === `Bearer ${token}`) return false;
    const challenge = `Bearer realm="${realm()}",service="reg.example",scope="repository:team/filter:pull"`;
    json(response, 401, { errors: [{ code: "UNAUTHORIZED" }] }, { "www-authenticate": challenge });
    return true;
  };
}

describe("credentials and other hosts", () => {
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
      await withRemote(intercept, async ({ fake, module }) => {
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
      await withRemote(intercept, async ({ module }) => {
        const failure = failed(await module(), "AccessDenied");
        assert.ok(!failure.message.includes("s3cret"));
        assert.ok(elsewhere.requests.length > 0 && elsewhere.requests.every(({ headers }) => headers.authorization === undefined));
        assert.ok(!elsewhere.requests.some(({ path }) => path.startsWith("/token")), "its realm is not asked");
      });
    } finally {
      await elsewhere.stop();
    }
  });

  test("credentials never go to a plain-HTTP realm that is not the registry's own kind", async () => {
    for (const realm of ["http://tokens.example/token", "ftp://x/", "nonsense"]) {
      await withRemote(
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
          credentials: [credentials],
        },
      );
    const redirect = () => new Response(null, { status: 307, headers: { location: "http://127.0.0.1:18001/api/v1/filters" } });
    assert.match(failed(await repository(redirect).manifest("v1"), "RegistryUnavailable").message, /not HTTPS/);
    const challenge = () => new Response(null, { status: 401, headers: { "www-authenticate": 'Bearer realm="http://127.0.0.1/token"' } });
    failed(await repository(challenge).manifest("v1"), "AccessDenied");
    assert.deepEqual([...new Set(urls)], ["https://r.example/v2/a/manifests/v1"]);
  });
});

describe("places of an upload", () => {
  const bytes = new TextEncoder().encode("module");
  const digest = digestOf(bytes);
  const pushing = (place: string, answers: (url: string) => Response) => {
    const sent: string[] = [];
    const http = httpOptions({
      fetch: async (url, init) => {
        const headers = new Headers(init.headers);
        sent.push(`${init.method} ${new URL(url).origin} ${headers.get("authorization") ?? "-"}`);
        if (init.method === "HEAD") return new Response(null, { status: 404 });
        if (init.method === "POST") return new Response(null, { status: 202, headers: { location: place } });
        return answers(url);
      },
    });
    const reference = { kind: "registry", registry: "r.example", repository: "a", tag: "v1", digest: undefined } as const;
    return { sent, done: createRemoteRepository(reference, { http, credentials: [credentials] }).putBlob(bytes, digest) };
  };

  test("an HTTPS registry's upload goes to HTTPS, and another host that asks for credentials gets none", async () => {
    const plain = pushing("http://r.example/upload", () => assert.fail("it was sent"));
    assert.match(failed(await plain.done, "RegistryRefused").message, /not HTTPS/);
    const asking = () => new Response(null, { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });
    const elsewhere = pushing("https://storage.example/upload", asking);
    assert.equal((await elsewhere.done).ok, false);
    assert.deepEqual(elsewhere.sent, ["HEAD https://r.example -", "POST https://r.example -", "PUT https://storage.example -"]);
  });
});

describe("the token flow", () => {
  test("the token flow: credentials go to the realm, the token to the registry, once per session", async () => {
    const issuer = await startFakeRegistry();
    issuer.intercept = (_request, response) => {
      json(response, 200, { token: "t0ken" });
      return true;
    };
    try {
      await withRemote(
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
      await withRemote(
        tokenRegistry(() => `http://${issuer.host}/token`),
        async ({ module, open }) => {
          valued(await module(open({ credentials: [] })));
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
      await withRemote(
        tokenRegistry(() => `http://${issuer.host}/token`),
        async ({ module, open }) => {
          assert.deepEqual(valued(await module(open({ credentials: [{ username: "<token>", password: "refresh" }] }))), MODULE);
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
        await withRemote(
          tokenRegistry(() => `http://${issuer.host}/token`),
          async ({ module }) => assert.ok(!failed(await module(), reason).message.includes("hunter2")),
        );
      }
    } finally {
      await issuer.stop();
    }
  });
});
