import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import type { LookupAddress } from "node:dns";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { connect, createServer as createTcpServer, type LookupFunction } from "node:net";
import { describe, test } from "node:test";
import { createAuthority } from "../../base/testing/certificates.ts";
import { httpOptions } from "../open.ts";
import { failed } from "../testing/result.ts";
import { createAddressPolicy, parseAddressRange, type Reach } from "./address.ts";
import { causeOf } from "./cause.ts";
import { AddressRefused, createFetch } from "./fetch.ts";
import { boundedBody, send } from "./http.ts";

/** A server on loopback that counts connections and requests. */
async function withServer(
  answer: RequestListener,
  run: (server: { port: number; seen: { connections: number; requests: string[] } }) => Promise<void>,
) {
  const seen = { connections: 0, requests: [] as string[] };
  const server = createServer((request, response) => {
    seen.requests.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
    answer(request, response);
  });
  server.on("connection", () => void seen.connections++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const address = server.address();
    await run({ port: typeof address === "object" && address !== null ? address.port : 0, seen });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** A name server that gives these answers, one after another, and the last for good. */
function answering(...answers: (readonly string[])[]): LookupFunction & { asked: number } {
  const find: LookupFunction & { asked: number } = Object.assign(
    ((_name, _options, callback) => {
      const all: LookupAddress[] = (answers[Math.min(find.asked++, answers.length - 1)] ?? []).map((address) => ({
        address,
        family: address.includes(":") ? 6 : 4,
      }));
      callback(null, all);
    }) as LookupFunction,
    { asked: 0 },
  );
  return find;
}

/** A name server that knows nothing. */
const unknown: LookupFunction = (_name, _options, callback) =>
  callback(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" }), "");

const ok: RequestListener = (_request, response) => void response.end("ok");
const range = parseAddressRange("127.0.0.1");
const allowed = range.ok ? [range.value] : [];
const CLUSTER = createAddressPolicy({ loopback: false, allowed: [] });

async function refusedBy(fetched: Promise<unknown>): Promise<string> {
  const error = await fetched.then(
    () => assert.fail("it was sent"),
    (reason: unknown) => reason,
  );
  let cause = error;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  assert.ok(cause instanceof AddressRefused, String(cause));
  return cause.addressClass;
}

describe("the connected address", () => {
  test("a name that answers a public address first and loopback next reaches nothing", async () => {
    await withServer(ok, async ({ port, seen }) => {
      const lookup = answering(["192.0.2.1"], ["127.0.0.1"], ["::ffff:127.0.0.1"], ["::1"]);
      const fetch = createFetch({ policy: CLUSTER, proxies: false, lookup });
      assert.equal(await refusedBy(fetch(`http://rebind.example:${port}/`, {}, "linked")), "reserved");
      for (let again = 0; again < 3; again++)
        assert.equal(await refusedBy(fetch(`http://rebind.example:${port}/`, {}, "linked")), "loopback");
      assert.equal(lookup.asked, 4, "one look-up for each connection, and it is the one that counts");
      assert.equal(seen.connections, 0);
    });
  });

  test("of several addresses only those that are allowed are tried", async () => {
    await withServer(ok, async ({ port, seen }) => {
      const policy = createAddressPolicy({ loopback: false, allowed });
      const fetch = createFetch({ policy, proxies: false, lookup: answering(["169.254.169.254", "10.0.0.1", "127.0.0.1"]) });
      assert.equal((await fetch(`http://several.example:${port}/`, {}, "linked")).status, 200);
      assert.equal(seen.connections, 1);
    });
  });

  test("a connection is in the name of nobody: others will use it", async () => {
    await withServer(ok, async ({ port }) => {
      const name = new AsyncLocalStorage<string>();
      const names = new Set<string | undefined>();
      const policy = { ...CLUSTER, refused: () => void names.add(name.getStore()) };
      const fetch = createFetch({ policy, proxies: false, lookup: answering(["127.0.0.1"]) });
      await name.run("first", async () => {
        assert.equal((await fetch(`http://shared.example:${port}/`, {}, "linked")).status, 200);
        assert.equal(name.getStore(), "first");
      });
      assert.deepEqual([...names], [undefined]);
    });
  });

  test("a socket that ends up elsewhere than it was looked up is not used", async () => {
    await withServer(ok, async ({ port, seen }) => {
      // The policy changes its mind between the look-up and the connection, as only a fault of the look-up could make it.
      let asked = 0;
      const policy = {
        ...CLUSTER,
        refused: (address: string, reach: Reach) => (asked++ === 0 ? undefined : CLUSTER.refused(address, reach)),
      };
      const fetch = createFetch({ policy, proxies: false, lookup: answering(["127.0.0.1"]) });
      assert.equal(await refusedBy(fetch(`http://elsewhere.example:${port}/`, {}, "linked")), "loopback");
      assert.deepEqual(seen.requests, []);
    });
  });

  test("a connection that is open to a registry serves no link", async () => {
    await withServer(ok, async ({ port, seen }) => {
      const policy = {
        ...CLUSTER,
        refused: (address: string, reach: Reach) => (reach === "registry" ? undefined : CLUSTER.refused(address, reach)),
      };
      const fetch = createFetch({ policy, proxies: false, lookup: answering(["127.0.0.1"]) });
      for (let again = 0; again < 2; again++) await (await fetch(`http://shared.example:${port}/`, {}, "registry")).body?.cancel();
      assert.equal(await refusedBy(fetch(`http://shared.example:${port}/`, {}, "linked")), "loopback");
      assert.equal(seen.requests.length, 2);
    });
  });

  test("behind a proxy literal addresses are judged, and names that this machine knows; others are the proxy's", async () => {
    await withServer(ok, async ({ port, seen }) => {
      const proxies = { http: `http://127.0.0.1:${port}`, https: undefined, except: "" };
      const get = (host: string, reach: Reach, ...answers: (readonly string[])[]) =>
        createFetch({ policy: CLUSTER, proxies, lookup: answers.length === 0 ? unknown : answering(...answers) })(
          `http://${host}/x`,
          {},
          reach,
        );
      for (const [host, reach] of [
        ["public.example", "linked"],
        ["registry.example", "registry"],
      ] as const) {
        const answer = await get(host, reach, ["10.0.0.1", "93.184.216.34"]);
        await answer.body?.cancel();
      }
      await (await get("only-the-proxy-knows.example", "linked")).body?.cancel();
      assert.equal(seen.requests.length, 3);
      assert.equal(await refusedBy(get("inside.example", "linked", ["10.0.0.1"])), "private");
      assert.equal(await refusedBy(get("metadata.example", "registry", ["169.254.169.254"])), "metadata");
      for (const host of ["127.1", "localhost", "[fd00:ec2::254]", "10.0.0.1"]) await refusedBy(get(host, "linked", ["93.184.216.34"]));
      assert.equal(seen.requests.length, 3);
    });
  });

  test("behind a proxy an HTTPS host is asked for by its name", async (t) => {
    const proxy = createServer();
    const asked: string[] = [];
    proxy.on("connect", (request, socket) => {
      asked.push(`${request.method} ${request.url}`);
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    t.after(() => proxy.close());
    const address = proxy.address();
    assert.ok(typeof address === "object" && address !== null);
    const proxies = { http: undefined, https: `http://user:hunter2@127.0.0.1:${address.port}`, except: "" };
    const fetch = createFetch({ policy: CLUSTER, proxies, lookup: answering(["93.184.216.34"]) });
    const error = await fetch("https://inside.example/x", {}, "linked").catch((cause: unknown) => causeOf(cause));
    assert.ok(typeof error === "string" && !error.includes("hunter2"), String(error));
    assert.deepEqual(asked, ["CONNECT inside.example:443"]);
  });

  test("what NO_PROXY names, and this machine, is reached without a proxy", async () => {
    await withServer(ok, async ({ port, seen }) => {
      const proxies = { http: "http://127.0.0.1:1", https: undefined, except: "inside.example, .below.example,127.0.0.2/31" };
      const policy = createAddressPolicy({ loopback: true, allowed: [] });
      const fetch = createFetch({ policy, proxies, lookup: answering(["127.0.0.1"]) });
      for (const host of ["inside.example", "a.below.example", "127.0.0.1"]) {
        const answer = await fetch(`http://${host}:${port}/`, {}, "registry");
        await answer.body?.cancel();
      }
      assert.equal(seen.requests.length, 3);
      await assert.rejects(fetch(`http://outside.example:${port}/`, {}, "registry"), /ECONNREFUSED|other side closed/);
    });
  });

  test("one host gets sixteen connections at once, however many ask", async () => {
    let [now, most] = [0, 0];
    const slow: RequestListener = (_request, response) => {
      most = Math.max(most, ++now);
      setTimeout(() => response.end("ok", () => now--), 50);
    };
    await withServer(slow, async ({ port, seen }) => {
      const fetch = createFetch({ policy: createAddressPolicy({ loopback: true, allowed: [] }), proxies: false });
      const answers = await Promise.all(
        Array.from({ length: 60 }, () => fetch(`http://127.0.0.1:${port}/`, {}, "registry").then((each) => each.body?.cancel())),
      );
      assert.equal(answers.length, 60);
      assert.deepEqual([most, seen.connections], [16, 16]);
    });
  });
});

describe("links", () => {
  const http = (policy = CLUSTER) => httpOptions({ fetch: createFetch({ policy, proxies: false }) });

  test("a redirect within the registry is followed, one beside it is not, and the message names the flag and the class", async () => {
    const policy = {
      ...CLUSTER,
      refusedHost: (name: string, reach: Reach) => (reach === "registry" ? undefined : CLUSTER.refusedHost(name, reach)),
    };
    const both = {
      ...policy,
      refused: (address: string, reach: Reach) => (reach === "registry" ? undefined : CLUSTER.refused(address, reach)),
    };
    await withServer(ok, async (inside) => {
      const answer: RequestListener = (request, response) => {
        const location = request.url === "/own" ? "/next" : request.url === "/out" ? `http://127.0.0.1:${inside.port}/admin` : undefined;
        response.writeHead(location === undefined ? 200 : 307, location === undefined ? {} : { location }).end();
      };
      await withServer(answer, async ({ port, seen }) => {
        const registry = `http://127.0.0.1:${port}`;
        const asking = (path: string) =>
          send(http(both), { method: "GET", url: new URL(path, registry), registry, authorization: "Basic x" });
        const own = await asking("/own");
        assert.ok(own.ok && own.value.status === 200);
        await own.value.discard();
        const { message } = failed(await asking("/out"), "AddressRefused");
        assert.match(message, /loopback address.*--allow-address/);
        assert.deepEqual(seen.requests, ["GET /own Basic x", "GET /next Basic x", "GET /out Basic x"]);
        assert.equal(inside.seen.connections, 0);
      });
    });
  });

  test("tokens and storage at another port of the registry's host are reached over HTTPS, over HTTP only where the port is listed", async () => {
    const policy = {
      ...CLUSTER,
      refusedHost: (name: string, reach: Reach) => (reach === "registry" ? undefined : CLUSTER.refusedHost(name, reach)),
      refused: (address: string, reach: Reach) => (reach === "registry" ? undefined : CLUSTER.refused(address, reach)),
    };
    await withServer(ok, async (tokens) => {
      const realm = `http://127.0.0.1:${tokens.port}/jwt/auth`;
      const asking = (plainHttp: string[], url = realm) =>
        send(httpOptions({ fetch: createFetch({ policy, proxies: false }), plainHttp: new Set(plainHttp) }), {
          ...{ method: "GET", url: new URL(url), registry: "http://127.0.0.1:5050" },
        });
      failed(await asking([]), "AddressRefused");
      failed(await asking(["127.0.0.1:5050"]), "AddressRefused");
      failed(await asking([`127.0.0.2:${tokens.port}`], realm.replace("127.0.0.1", "127.0.0.2")), "AddressRefused");
      assert.equal(tokens.seen.connections, 0);
      const listed = await asking(["127.0.0.1:5050", `127.0.0.1:${tokens.port}`]);
      assert.ok(listed.ok && listed.value.status === 200);
      await listed.value.discard();
      // It comes so far as TLS, which this server does not speak.
      failed(await asking([], realm.replace("http:", "https:")), "RegistryUnavailable");
      assert.equal(tokens.seen.connections, 2);
      failed(await asking([], realm.replace("http:", "https:").replace("127.0.0.1", "127.0.0.2")), "AddressRefused");
    });
  });

  test("a redirect with a username or another scheme is not followed, and not quoted", async () => {
    for (const location of [
      "http://user:hunter2@r.example/",
      "ftp://r.example/hunter2",
      "data:text/plain,hunter2",
      "file:///etc/hunter2",
    ]) {
      const fetch = async () => new Response(null, { status: 302, headers: { location } });
      const sent = await send({ ...http(), fetch }, { method: "GET", url: new URL("http://r.example/") });
      assert.ok(!sent.ok && !sent.error.message.includes("hunter2"), location);
    }
  });

  test("a header that does not end is an end", async () => {
    const endless: RequestListener = (_request, response) => {
      response.writeHead(200, { "x-long": "x".repeat(64 << 10) }).end();
    };
    await withServer(endless, async ({ port }) => {
      const local = createAddressPolicy({ loopback: true, allowed: [] });
      const sent = await send(http(local), { method: "GET", url: new URL(`http://127.0.0.1:${port}/`) });
      assert.ok(!sent.ok && !sent.error.message.includes("xxx"));
    });
  });

  test("headers or a body that trickle, and news without an end, end in time", async () => {
    const lines: Readonly<Record<string, (beat: number) => string>> = {
      headers: (beat) => (beat === 0 ? "HTTP/1.1 200 OK\r\n" : `x-${beat}: y\r\n`),
      news: () => "HTTP/1.1 103 Early Hints\r\n\r\n",
      body: (beat) => (beat === 0 ? "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" : "x"),
    };
    for (const [name, line] of Object.entries(lines)) {
      const server = createTcpServer((socket) => {
        let beat = 0;
        const timer = setInterval(() => socket.write(line(beat++)), 10);
        socket.on("error", () => {}).on("close", () => clearInterval(timer));
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      const local = createFetch({ policy: createAddressPolicy({ loopback: true, allowed: [] }), proxies: false });
      const options = httpOptions({ fetch: local, idleTimeoutMs: 150, totalTimeoutMs: 300 });
      const started = performance.now();
      const sent = await send(options, { method: "GET", url: new URL(`http://127.0.0.1:${port}/`) });
      const read = sent.ok ? await boundedBody(sent.value, 1000) : sent;
      const why = name === "body" ? /sends less than 16 KiB a second/ : /did not answer in time/;
      assert.match(failed(read, "RegistryUnavailable").message, why, name);
      assert.ok(performance.now() - started < 5_000, name);
      server.close();
    }
  });

  test("what a certificate says is not told", () => {
    const error = Object.assign(new Error("Host: a. is not in the cert's altnames: DNS:vault.internal"), {
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
    assert.doesNotMatch(causeOf(new TypeError("fetch failed", { cause: error })), /vault/);
  });
});

test("node:net asks the look-up for names only", async () => {
  // What `refusedHost` is for.
  let asked = false;
  const socket = connect({
    host: "127.0.0.1",
    port: 9,
    lookup: (_name, _options, callback) => {
      asked = true;
      callback(null, "127.0.0.1", 4);
    },
  });
  await once(socket, "close").catch(() => {});
  assert.equal(asked, false);
});

describe("authorities", () => {
  test("a registry whose certificate an authority of ours issued is reached when it is named, and by no other", async (t) => {
    const [own, other] = [createAuthority("Own"), createAuthority("Other")];
    const server = createHttpsServer(own.issue("r.example"), (_request, response) => void response.end("here"));
    t.after(() => server.close());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const policy = createAddressPolicy({ loopback: true, allowed: [] });
    const get = (name: string, ca: readonly string[]) =>
      createFetch({ policy, proxies: false, ca, lookup: answering(["127.0.0.1"]) })(`https://${name}:${port}/`, {}, "registry");
    const answer = await get("r.example", [other.cert, own.cert]);
    assert.equal(answer.status, 200);
    await answer.body?.cancel();
    await assert.rejects(get("r.example", []), /certificate/);
    await assert.rejects(get("r.example", [other.cert]), /certificate/);
    await assert.rejects(get("s.example", [own.cert]), /altnames/);
  });
});
