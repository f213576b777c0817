import assert from "node:assert/strict";
import { test } from "node:test";
import type { FilterPlan } from "../../model/plan.ts";
import { digest } from "../testing/fixtures.ts";
import { renderPlanned } from "./plan.ts";

const KIND = "WasmFilter";
const revision = (number: number, start: string) => ({
  number,
  image: `registry.example/f:${number}`,
  digest: digest(start),
  wasmDigest: digest(`${start}ff`),
});
const measurements = {
  size: 10,
  compileMs: 1,
  startMs: 1,
  loadMs: 12,
  memoryPages: 1,
  imports: ["proxy_log"],
  exports: [],
  abi: "0.2.1",
  effects: ["adds x-a"],
};
const plan = (more: Partial<FilterPlan>): { readonly kind: typeof KIND } & FilterPlan => ({
  ...{ kind: KIND, namespace: "shop", name: "f", action: "changed", object: [], revision: [] },
  ...more,
});
const wave = { step: 1, percent: 10, holdMs: 300_000, pause: false, proxies: 1, first: [{ namespace: "shop", id: "web-7" }] };

test("a change is shown field by field, with its proof and its waves; what a revision tells is not told twice", () => {
  const many = Array.from({ length: 9 }, (_, index) => ({ namespace: "shop", id: `web-${index}` }));
  const rendered = renderPlanned(
    plan({
      object: [
        { field: "spec.image", before: '"a"', after: '"b"' },
        { field: "spec.interval", before: '"60s"', after: '"5s"' },
      ],
      before: revision(3, "aa"),
      after: revision(4, "bb"),
      revision: [
        { field: "image", before: "registry.example/f:3", after: "registry.example/f:4" },
        { field: "env" },
        { field: "config", before: "Secret s (k)", after: "Secret s (k)" },
      ],
      proof: { result: "passed", measurements, told: { reason: "TrafficFailed", message: "it\ntrapped" } },
      signatures: [
        { by: "key 3f1c9a02d4b7", keyFrom: "Secret release-keys", demands: ["spec.verify[0]", "WasmPolicy base, images[0].verify[0]"] },
        { by: "me\n@a.example", demands: ["spec.verify[1]"], attestation: "https://spdx.dev/Document" },
      ],
      rollout: { matched: 10, steps: 2, waves: [wave, { ...wave, step: 2, percent: 100, holdMs: 0, proxies: 9, first: many }] },
    }),
  );
  assert.equal(
    rendered,
    `WasmFilter shop/f would be changed
  revision       3 -> 4
  image          registry.example/f:3 -> registry.example/f:4
  env            changed
  config         changed, in Secret s (k)
  spec.interval  "60s" -> "5s"
  proof: passed, ABI 0.2.1, 10 bytes, loads in 12 ms of CPU on each proxy, 1 memory page, imports proxy_log; on its requests: adds x-a; fails requests (TrafficFailed), let through as spec.preflight.traffic is Report: it trapped
  signed by key 3f1c9a02d4b7 of Secret release-keys, as spec.verify[0] and WasmPolicy base, images[0].verify[0] ask for
  attested (https://spdx.dev/Document) by me @a.example, as spec.verify[1] asks for
  wave 1 of 2  10%, then holds 5m  1 proxy: shop/web-7
  wave 2 of 2  100%                9 proxies: shop/web-0, shop/web-1, shop/web-2, shop/web-3, shop/web-4, shop/web-5, shop/web-6, shop/web-7, and 1 more
`,
  );
});

test("what is refused, stays, or waits says so in a line", () => {
  const refusal = {
    condition: "Resolved" as const,
    reason: "ImageNotFound",
    message: "r/f has no image 2\u001b[31m\nERROR",
    retryable: false,
  };
  assert.equal(
    renderPlanned(plan({ action: "refused", refusal })),
    "WasmFilter shop/f would be refused\n  ImageNotFound: r/f has no image 2\\u001b[31m ERROR\n",
  );
  assert.equal(
    renderPlanned(plan({ action: "refused", refusal: { ...refusal, message: "none", waits: "an apply is taken" } })),
    "WasmFilter shop/f would wait\n  ImageNotFound: none\n  an apply is taken\n",
  );
  assert.equal(renderPlanned(plan({ action: "unchanged" })), "WasmFilter shop/f would stay as it is\n");
  const pin = digest("aa");
  for (const action of ["unchanged", "changed", "refused"] as const)
    assert.ok(
      renderPlanned({ ...plan({ action }), pin }).endsWith(
        `\n  it stays pinned to ${pin}; \`weir rollback f --unpin\` lets it follow its image\n`,
      ),
    );
  const rollout = { matched: 3, steps: 1, waves: [] };
  const same = { before: revision(3, "aa"), after: revision(3, "aa"), object: [{ field: "spec.selector", after: "{}" }] };
  assert.match(
    renderPlanned(plan({ ...same, rollout })),
    /changed\n {2}spec\.selector {2}not set -> \{\}\n {2}no proxy gets another revision by it\n$/,
  );
  const first = [{ namespace: "shop", id: "web-7" }];
  assert.match(
    renderPlanned(plan({ ...same, rollout: { ...rollout, back: { revision: 1, proxies: 1, first } } })),
    /not set -> \{\}\n {2}at once {2}back to revision 1 {2}1 proxy: shop\/web-7\n$/,
  );
  assert.match(
    renderPlanned(plan({ rollout: { ...rollout, waitsFor: "spec.suspend is true: changes wait" } })),
    /changed\n {2}spec\.suspend is true: changes wait\n$/,
  );
  assert.equal(renderPlanned({ kind: "Secret", namespace: "shop", name: "s", action: "created" }), "Secret shop/s would be created\n");
});
