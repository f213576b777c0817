import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { parseLabelSelector } from "../../model/label-selector.ts";
import { ok } from "../../model/result.ts";
import { digest } from "../testing/fixtures.ts";
import { type Base, filtersOn, moved, readWaves, standingOf } from "./bump.ts";
import { choosePromotion, type PromotionOptions } from "./promotion.ts";

const options: PromotionOptions = { knowsStatus: true, force: false, repositoryOf: (image) => ok(image.replace(/[:@].*/, "")) };

type Condition = NonNullable<NonNullable<WasmFilter["status"]>["conditions"]>[number];
const condition = (type: string, status: Condition["status"], reason = "R"): Condition => ({
  ...{ type, status, reason, message: "why", lastTransitionTime: "2026-01-01T00:00:00Z" },
});

function filter(namespace: string, image: string, more: Partial<WasmFilter> = {}): WasmFilter {
  return {
    apiVersion: "weir.dev/v1alpha1",
    kind: "WasmFilter",
    metadata: { name: "f", namespace, generation: 2 },
    spec: { image },
    ...more,
  };
}

const well = { observedGeneration: 2, digest: digest("aa"), revision: 3, stableRevision: 3, conditions: [condition("Ready", "True")] };

describe("a promotion", () => {
  test("takes the digest of the status, not of the spec", () => {
    const from = filter("staging", "r/f:1", { spec: { image: "r/f:1", digest: digest("bb") }, status: well });
    const chosen = choosePromotion(from, filter("prod", "r/f:0", { spec: { image: "r/f:0", digest: digest("cc") } }), options);
    assert.deepEqual(
      chosen,
      ok({ digest: digest("aa"), revision: 3, before: digest("cc"), repositories: { from: "r/f", to: "r/f" }, notes: [] }),
    );
  });

  test("tells of a revision that is on its way, and takes the stable one", () => {
    const chosen = choosePromotion(filter("staging", "r/f:1", { status: { ...well, revision: 4 } }), filter("prod", "r/f:1"), options);
    assert.ok(chosen.ok);
    assert.match(chosen.value.notes.join(), /revision 4 of staging\/f is on its way and is not promoted; 3 is the stable one/);
  });

  test("is refused where what runs is not known, not well, or not there for the other", () => {
    const refused = (from: WasmFilter, to: WasmFilter, given: Partial<PromotionOptions> = {}) => {
      const chosen = choosePromotion(from, to, { ...options, ...given });
      return chosen.ok ? "taken" : `${chosen.error.reason}: ${chosen.error.message}`;
    };
    const [from, to] = [filter("staging", "r/f:1", { status: well }), filter("prod", "r/f:1")];
    assert.equal(refused(from, to), "taken");
    assert.match(refused(from, to, { knowsStatus: false }), /^NotKnown: what staging\/f runs is not known/);
    assert.match(refused(filter("staging", "r/f:1"), to), /^NotServed: staging\/f serves no revision yet/);
    const ill = filter("staging", "r/f:1", { status: { ...well, conditions: [condition("Ready", "False", "RolledBack")] } });
    assert.match(refused(ill, to), /^NotReady: staging\/f is not Ready \(RolledBack\).*--force$/);
    assert.equal(refused(ill, to, { force: true }), "taken");
    assert.match(refused(from, filter("prod", "", { spec: { url: "https://r/f", sha256: digest("aa") } })), /^NotAnImage: prod\/f/);
  });
});

describe("a bump", () => {
  const read = (image: string): Base | undefined => {
    const [, repository = "", tag, pin] = /^([^:@]+)(?::([^@]+))?(?:@(.+))?$/.exec(image) ?? [];
    return { repository, tag, digest: pin };
  };
  const filters = [
    filter("a", "r/f:1", { metadata: { name: "f", namespace: "a", labels: { team: "x" } } }),
    filter("b", "r/f:2"),
    filter("c", "r/f:1", { spec: { image: "r/f:1", digest: digest("dd") } }),
    filter("d", "r/g:1"),
    filter("e", "", { spec: { url: "https://r/f" } }),
  ];
  const names = (base: Base, selector?: string) => {
    const labels = selector === undefined ? ok(undefined) : parseLabelSelector(selector);
    assert.ok(labels.ok);
    return filtersOn(base, labels.value, filters, read)
      .map(({ metadata }) => metadata.namespace)
      .join("");
  };

  test("finds filters by repository, tag, digest and labels", () => {
    assert.equal(names({ repository: "r/f", tag: undefined, digest: undefined }), "abc");
    assert.equal(names({ repository: "r/f", tag: "1", digest: undefined }), "ac");
    assert.equal(names({ repository: "r/f", tag: undefined, digest: digest("dd") }), "c");
    assert.equal(names({ repository: "r/f", tag: undefined, digest: undefined }, "team=x"), "a");
    assert.equal(names({ repository: "r/f", tag: undefined, digest: undefined }, "team!=x"), "bc");
  });

  test("asks for the other image without the pin, and without what is the server's to say", () => {
    const full = filter("c", "r/f:1", { spec: { image: "r/f:1", digest: digest("dd"), priority: 3 }, status: well });
    const other = moved(full, "r/f:2");
    assert.deepEqual(other, { ...filter("c", "r/f:2"), metadata: { name: "f", namespace: "c" }, spec: { image: "r/f:2", priority: 3 } });
  });

  test("goes in waves that rise to all", () => {
    const waves = (text: string, count: number) => {
      const read = readWaves(text, count);
      return read.ok ? read.value : read.error.message;
    };
    assert.deepEqual(waves("1,25%,100%", 20), [1, 4, 15]);
    assert.deepEqual(waves("1,25%,100%", 1), [1]);
    assert.deepEqual(waves("1,25%,100%", 3), [1, 2]);
    assert.deepEqual(waves("5", 12), [5, 7]);
    for (const wrong of ["0", "101%", "x", "1,,2", "-1", ""]) assert.match(String(waves(wrong, 3)), /--waves is how many filters/, wrong);
  });

  test("a filter is done when its present spec is in force and no longer watched", () => {
    const standing = (status: WasmFilter["status"]) => standingOf(filter("a", "r/f:1", status === undefined ? {} : { status })).kind;
    assert.equal(standing(undefined), "waiting");
    assert.equal(standing(well), "done");
    assert.equal(standing({ ...well, observedGeneration: 1 }), "waiting");
    assert.equal(standing({ ...well, conditions: [condition("Ready", "True"), condition("Reconciling", "True")] }), "waiting");
    assert.equal(standing({ ...well, conditions: [condition("Ready", "False"), condition("Stalled", "True")] }), "failed");
  });
});
