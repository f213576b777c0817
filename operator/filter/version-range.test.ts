import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { highestTag, isMeant, readVersionRange } from "./version-range.ts";

const TAGS = [
  "latest",
  "1.2",
  "1.2.9",
  "v1.2.10",
  "1.3.0-rc.1",
  "1.3.0",
  "2.0.0-beta",
  "2.0.0",
  "sha256-abc.sig",
  "10.0.0",
  "vv11.0.0",
  "1.2.10-1",
];

describe("the highest tag", () => {
  /** What https://github.com/Masterminds/semver#checking-version-constraints says of each. */
  const cases = [
    ["~1.2", "v1.2.10"],
    ["^1.2", "1.3.0"],
    ["1.x", "1.3.0"],
    ["*", "10.0.0"],
    [">=1.2, <1.3", "v1.2.10"],
    [">= 1.2 < 2", "1.3.0"],
    ["=> 1.2, =< 1.2", "v1.2.10"],
    [">=1.2 !=1.3.0 <2", "v1.2.10"],
    ["1.x, != 1.3.x, != 1.2.10", "1.2.9"],
    ["~> 1.2 || 2.x", "2.0.0"],
    ["1.2 - 1.3", "1.3.0"],
    ["=1.2.9", "1.2.9"],
    [">10", undefined],
    ["3.x", undefined],
  ] as const;
  for (const [semver, tag] of cases) {
    test(`in ${semver} is ${tag}`, () => {
      for (const tags of [TAGS, TAGS.toReversed()]) assert.equal(highestTag(tags, { semver, prerelease: false }), tag);
    });
  }

  test("is a pre-release only where these count, and none of the version that a range ends before", () => {
    const tags = ["1.2.0", "1.3.0-rc.2", "2.0.0-rc.1"];
    assert.equal(highestTag(tags, { semver: "^1.2", prerelease: false }), "1.2.0");
    assert.equal(highestTag(tags, { semver: "^1.2", prerelease: true }), "1.3.0-rc.2");
    assert.equal(highestTag(tags, { semver: "1.x", prerelease: true }), "1.3.0-rc.2");
    assert.equal(highestTag(tags, { semver: ">=1.3.0-rc.1 <1.3.0", prerelease: true }), "1.3.0-rc.2");
  });

  test("is the shorter of two that are the same version, in whatever order they come", () => {
    for (const tags of [
      ["v1.2.3", "1.2.3"],
      ["1.2.3", "v1.2.3"],
    ])
      assert.equal(highestTag(tags, { semver: "*", prerelease: false }), "1.2.3");
  });

  test("is found among as many tags as are listed at most, in little time", (t) => {
    const tags = Array.from({ length: 20_000 }, (_, i) => `1.${i}.0`);
    const from = performance.now();
    assert.equal(highestTag(tags, { semver: ">=1.2 !=1.19999.0 <2 || 3.x", prerelease: true }), "1.19998.0");
    t.diagnostic(`20,000 tags in ${Math.round(performance.now() - from)} ms`);
  });
});

test("a range that is none is not read", () => {
  for (const semver of ["", " ", "1.2.3.4", "a || 1", "1 ||", "1.99999999999999999999"])
    assert.equal(readVersionRange({ semver, prerelease: true }), undefined, semver);
});

test("a recorded reference is meant by the policy whose range it is in", () => {
  const source = { kind: "image", image: "r.example/f", tagPolicy: { semver: "~1.2", prerelease: false } } as const;
  const meant = [
    "r.example/f:1.2.3",
    "r.example/f:1.3.0",
    "r.example/f",
    "r.example/f:latest",
    "r.example/g:1.2.3",
    "r.example/f@sha256:00",
  ];
  assert.deepEqual(
    meant.filter((image) => isMeant(source, image)),
    ["r.example/f:1.2.3"],
  );
});
