import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { silentLog } from "../model/log.ts";
import type { Applicants, PlanRequest } from "../model/plan.ts";
import { fail, failForNow, ok, type Result } from "../model/result.ts";
import { type HubScene, startHub } from "./testing/scene.ts";

const LIST = JSON.stringify({ kind: "List", items: [{ kind: "WasmFilter" }] });
const logged: string[] = [];
let scene: HubScene;
let asked: PlanRequest[] = [];
let answer: (request: PlanRequest) => Promise<Result<{ filters: [] }>> = async () => ok({ filters: [] });

const applicants: Applicants = {
  async find(authorization) {
    if (authorization === undefined) return fail("Unauthorized", "who are you");
    if (authorization === "away") return failForNow("Unavailable", "nobody could be asked");
    return ok({ id: authorization, mayApply: async () => ok(undefined) });
  },
};

before(async () => {
  const planner = {
    plan(request: PlanRequest) {
      asked.push(request);
      return answer(request);
    },
  };
  const readers = { check: () => fail("Unauthorized", "readers only"), onChange: () => () => {} };
  const log = { ...silentLog, error: (message: string) => void logged.push(message) };
  scene = await startHub({}, { readers, plans: { planner, applicants }, log });
});

after(() => scene.hub.close());

async function post(body: string, headers: Record<string, string> = { authorization: "me" }, signal?: AbortSignal) {
  const all = { "content-type": "application/json", ...headers };
  const init = { method: "POST", body, headers: all, ...(signal === undefined ? {} : { signal }) };
  const response = await fetch(`http://127.0.0.1:${scene.port}/api/v1/plan`, init);
  return { status: response.status, body: await response.text(), headers: response.headers };
}

test("a plan is answered to an applicant, who need be no reader; the rest of the API is for readers", async () => {
  asked = [];
  const { status, body, headers } = await post(LIST);
  assert.deepEqual([status, body, headers.get("cache-control")], [200, '{"filters":[]}\n', "no-store"]);
  assert.deepEqual(asked[0]?.objects, [{ kind: "WasmFilter" }]);
  assert.equal((await scene.ask("/api/v1/filters", { headers: { authorization: "me" } })).status, 401);
});

test("who calls is asked before the body is looked at, and each refusal has its status", async () => {
  asked = [];
  assert.equal((await post("[", {})).status, 401);
  assert.equal((await post("[", { authorization: "away" })).status, 503);
  assert.equal((await post("[")).status, 400);
  assert.equal((await post('{"kind":"List","items":{}}')).status, 400);
  const deep = await post(`{"kind":"List","items":[${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}]}`);
  assert.deepEqual([deep.status, deep.body.includes("nested deeper")], [400, true]);
  const wide = await post(`{"kind":"List","items":[${"{},".repeat(60_000)}{}]}`);
  assert.deepEqual([wide.status, wide.body.includes("more than 50000 values")], [400, true]);
  const others = [
    "text/plain",
    "application/json-patch+json",
    "application/json;text/plain",
    "application/json, text/plain",
    "application/jsonx",
  ];
  for (const type of [...others, "application/json; charset=utf-16"])
    assert.equal((await post(LIST, { authorization: "me", "content-type": type })).status, 415, type);
  for (const coding of ["gzip", "br", "identity, gzip"])
    assert.equal((await post(LIST, { authorization: "me", "content-encoding": coding })).status, 415, coding);
  assert.equal((await post(`"${"x".repeat(4 * 1024 * 1024)}"`)).status, 413);
  assert.deepEqual(asked, []);
  for (const [reason, status] of [
    ["Forbidden", 403],
    ["BadRequest", 400],
  ] as const) {
    answer = async () => fail(reason, "because");
    assert.equal((await post(LIST)).status, status);
  }
  answer = async () => failForNow("Busy", "later");
  const busy = await post(LIST);
  assert.deepEqual([busy.status, busy.headers.get("retry-after")], [503, "5"]);
  answer = async () => ok({ filters: [] });
  for (const type of ["Application/JSON", "application/json;charset=UTF-8", 'application/json ; charset="utf-8"'])
    assert.equal((await post(LIST, { authorization: "me", "content-type": type, "content-encoding": "identity" })).status, 200, type);
});

test("a body that does not come to its end is nobody's fault but its client's: nothing is planned, and the log says nothing", async () => {
  asked = [];
  const socket = connect(scene.port, "127.0.0.1");
  await once(socket, "connect");
  const head =
    "POST /api/v1/plan HTTP/1.1\r\nhost: localhost\r\nauthorization: cut\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n";
  socket.write(`${head}{"kind"`);
  await new Promise((done) => setTimeout(done, 50));
  socket.resetAndDestroy();
  // What was under way for it is counted no more, as soon as the server hears of it.
  const four = () => Promise.all(Array.from({ length: 4 }, () => post(LIST, { authorization: "cut" })));
  for (let tries = 0; (await four()).some(({ status }) => status !== 200); tries++) assert.ok(tries < 50);
  assert.ok(asked.every(({ objects }) => objects.length === 1));
  assert.deepEqual(logged, []);
});

test("a plan may take longer than a socket may be silent and a request may take", async () => {
  const planner = { plan: () => new Promise<Result<{ filters: [] }>>((done) => setTimeout(done, 900, ok({ filters: [] }))) };
  const slow = await startHub({}, { plans: { planner, applicants }, times: { idleMs: 200, requestMs: 300, headersMs: 100 } });
  try {
    const headers = { "content-type": "application/json", authorization: "me" };
    const response = await fetch(`http://127.0.0.1:${slow.port}/api/v1/plan`, { method: "POST", body: LIST, headers });
    assert.equal(response.status, 200);
    await response.text();
  } finally {
    await slow.hub.close();
  }
});

test("requests at a time are bounded, in all and of one applicant; one whose client is gone ends", async () => {
  let ended = 0;
  let waiting = 0;
  answer = ({ signal }) =>
    new Promise((resolve) => {
      waiting++;
      signal.addEventListener("abort", () => {
        ended++;
        resolve(failForNow("Gone", "gone"));
      });
    });
  const until = async (check: () => boolean) => {
    while (!check()) await new Promise((done) => setTimeout(done, 5));
  };
  const gone = new AbortController();
  const open = Array.from({ length: 4 }, () => post(LIST, { authorization: "me" }, gone.signal).catch(() => "gone"));
  await until(() => waiting === 4);
  assert.equal((await post(LIST)).status, 503);
  for (const other of ["a", "b", "c"])
    for (let i = 0; i < 4; i++) open.push(post(LIST, { authorization: other }, gone.signal).catch(() => "gone"));
  await until(() => waiting === 16);
  assert.equal((await post(LIST, { authorization: "d" })).status, 503);
  gone.abort();
  assert.deepEqual(new Set(await Promise.all(open)), new Set(["gone"]));
  await until(() => ended === 16);
  answer = async () => ok({ filters: [] });
  await until(() => waiting === 16);
  assert.equal((await post(LIST)).status, 200);
});
