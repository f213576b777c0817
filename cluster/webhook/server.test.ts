import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:https";
import { after, before, describe, test } from "node:test";
import { connect } from "node:tls";
import { createAuthority } from "../../base/testing/certificates.ts";
import { systemClock } from "../../model/clock.ts";
import { type Log, silentLog } from "../../model/log.ts";
import { ok } from "../../model/result.ts";
import { namespaceView } from "../injection/index.ts";
import { createFilterHandler } from "./filters.ts";
import { createPodHandler } from "./pods.ts";
import { createWebhook, type Webhook } from "./server.ts";

const authority = createAuthority("authority");
const [first, second] = [authority.issue("first"), authority.issue("second")];
const lines: string[] = [];
const outcomes: string[] = [];
const log: Log = { ...silentLog, warn: (message, facts) => void lines.push(`${message} ${JSON.stringify(facts)}`) };

let webhook: Webhook;
let port = 0;
let release: () => void = () => {};
let held: Promise<void> | undefined;
/** Told of each call that is held. */
let holding: () => void = () => {};

const pods = createPodHandler({
  settings: () => ({
    ...{ proxyImage: { image: "e:1" }, xds: { host: "weir", port: 1 }, ca: "CA", ownNamespace: undefined, ipv6: false },
    render: () => ({ bootstrap: "B", files: {} }),
  }),
  async namespaceOf(name) {
    if (held !== undefined) holding();
    await held;
    return ok(namespaceView(name, { metadata: { labels: { "weir.dev/inject": "true" } } }));
  },
  metrics: { askedToInject: (outcome) => outcomes.push(outcome) },
});
const filters = createFilterHandler({
  path: "/review/secret",
  admission: { judge: async () => ({ refusals: [], message: "", warnings: ["mind"], signatures: [] }) },
  metrics: { reviewed: (outcome) => outcomes.push(outcome), start: () => () => {} },
});

before(async () => {
  webhook = createWebhook({
    address: { host: "127.0.0.1", port: 0 },
    tls: first,
    handlers: [pods, filters],
    lost: () => void outcomes.push("lost"),
    log,
    clock: systemClock,
  });
  const bound = await webhook.listen();
  assert(bound.ok);
  port = bound.value.port;
});
after(() => webhook.close());

const review = JSON.stringify({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    ...{ uid: "u", namespace: "shop", operation: "CREATE", kind: { group: "", version: "v1", kind: "Pod" } },
    object: { metadata: {}, spec: { containers: [{ name: "a", ports: [{ containerPort: 80, name: "http" }] }] } },
  },
});

interface Call {
  readonly path?: string;
  readonly method?: string;
  readonly type?: string;
  readonly body?: string | Buffer;
  readonly headers?: Record<string, string>;
  /** The caller's address. */
  readonly from?: string;
}

function call({
  path = "/inject?timeout=10s",
  method = "POST",
  type = "application/json",
  body = review,
  headers = {},
  from = "127.0.0.1",
}: Call = {}) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const asked = request(
      {
        port,
        path,
        localAddress: from,
        method,
        ca: authority.cert,
        servername: "",
        checkServerIdentity: () => undefined,
        headers: { "content-type": type, ...headers },
      },
      (answer) => {
        let text = "";
        answer.on("data", (chunk) => {
          text += chunk;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: text }));
      },
    );
    asked.on("error", reject);
    asked.end(body);
  });
}

describe("the webhook's server", () => {
  test("answers a question of the API server", async () => {
    outcomes.length = 0;
    const { status, body } = await call();
    assert.equal(status, 200);
    assert.deepEqual(outcomes, ["injected"]);
    const { allowed, patchType } = JSON.parse(body).response;
    assert.deepEqual([allowed, patchType], [true, "JSONPatch"]);
  });

  test("refuses a stranger's call, in words, and logs it in bounds", async () => {
    const strange: [Call, number, RegExp][] = [
      [{ method: "GET", body: "" }, 405, /only POST/],
      [{ type: "text/yaml" }, 415, /only application\/json/],
      [{ body: "{}" }, 400, /no AdmissionReview; this address is for the API server/],
      [{ body: `${'{"a":['.repeat(100_000)}` }, 400, /nested deeper than 128 levels/],
      [{ body: "{" }, 400, /not JSON/],
    ];
    for (const [asked, status, words] of strange) {
      const answer = await call(asked);
      assert.deepEqual([answer.status, words.test(answer.body)], [status, true], answer.body);
      assert.equal(outcomes.at(-1), "invalid");
    }
    for (const path of ["/", "/inject/../metrics", "/review", "/review/secre", "/review/secret/", "*"]) {
      const { status, body } = await call({ path });
      assert.deepEqual(
        [status, body, outcomes.at(-1)],
        [404, "nothing is here but what the API server's webhook configurations lead to\n", "lost"],
      );
    }
    for (let count = 0; count < 40; count++) await call({ body: "{}" });
    assert.ok(lines.length <= 22, `${lines.length} lines`);
    assert.match(lines[0] ?? "", /called by something that is no API server/);
  });

  test("takes what is nested as deep as no pod is for what it is, before it is parsed", async () => {
    const nested = (levels: number) => review.replace('"metadata":{}', `"metadata":{},"x":${"[".repeat(levels)}${"]".repeat(levels)}`);
    assert.equal((await call({ body: nested(100) })).status, 200, "what is not looked at is not in the way");
    for (const levels of [128, 200_000]) {
      const { status, body: words } = await call({ body: nested(levels) });
      assert.equal(status, 400);
      assert.match(words, /^the body is nested deeper than 128 levels/);
    }
  });

  test("takes no body beyond 3 MiB, whatever its length is said to be", async () => {
    const big = Buffer.alloc(4 * 1024 * 1024, 0x20);
    const told = await call({ body: big }).catch((error) => error.code);
    assert.ok(told === "EPIPE" || told === "ECONNRESET" || told.status === 413, JSON.stringify(told));
    const chunked = await call({ body: big, headers: { "transfer-encoding": "chunked" } }).catch((error) => error.code);
    assert.ok(chunked === "EPIPE" || chunked === "ECONNRESET" || chunked.status === 413, JSON.stringify(chunked));
    assert.equal((await call()).status, 200);
  });

  test("says so when it has too much to do, and goes on", async () => {
    held = new Promise((resolve) => {
      release = resolve;
    });
    let count = 0;
    const full = new Promise<void>((resolve) => {
      holding = () => ++count === 64 && resolve();
    });
    const waiting = Array.from({ length: 64 }, () => call());
    await full;
    assert.deepEqual(await call({ from: "127.0.0.2" }), { status: 503, body: "too many calls at a time; try again\n" });
    release();
    held = undefined;
    const statuses = (await Promise.all(waiting)).map(({ status }) => status);
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.equal((await call()).status, 200);
  });

  test("shows a new certificate to who connects from then on", async () => {
    const shown = async () => {
      const socket = connect({ port, rejectUnauthorized: false });
      await once(socket, "secureConnect");
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return subject.CN;
    };
    assert.equal(await shown(), "first");
    webhook.setSecureContext(second);
    assert.equal(await shown(), "second");
  });
});
