// Cases in YAML say most things shorter; a test in TypeScript can compute.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CalloutAnswer, loadFilter } from "@weir-dev/testing";

const statusFor = async (answer: CalloutAnswer | undefined): Promise<number | undefined> => {
  const filter = await loadFilter(undefined, { config: { cluster: "auth", timeoutMs: 500 }, callouts: () => answer });
  const { response, upstream } = await filter.exchange();
  assert.equal(upstream !== undefined, response?.status === 200, "the app sees what passes, and nothing else");
  return response?.status;
};

test("of all that a service can answer, 200 alone lets a request pass", async () => {
  for (let status = 200; status < 600; status++)
    assert.equal(await statusFor({ status }), [200, 401, 403].includes(status) ? status : 503, String(status));
});

test("a service that is not there, is late or breaks lets nothing pass", async () => {
  const answers = [undefined, { status: 200, delay: 501 }, { failure: "timeout" }, { failure: "refused" }, { failure: "reset" }] as const;
  for (const answer of answers) assert.equal(await statusFor(answer), 503, JSON.stringify(answer));
});
