import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { startCpuTime } from "../../base/cpu-time.ts";
import { parseChallenges } from "./auth.ts";

describe("parseChallenges", () => {
  test("reads schemes and parameters, quoted or not, in any case and spacing", () => {
    assert.deepEqual(parseChallenges('Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"'), [
      { scheme: "bearer", parameters: { realm: "https://auth.example/token", service: "reg", scope: "repository:a/b:pull,push" } },
    ]);
    assert.deepEqual(parseChallenges('BASIC Realm = "a \\"quoted\\" name" , charset=UTF-8'), [
      { scheme: "basic", parameters: { realm: 'a "quoted" name', charset: "UTF-8" } },
    ]);
  });

  test("several challenges in one header are told apart", () => {
    assert.deepEqual(
      parseChallenges('Negotiate, Basic realm="x", Bearer realm="https://t",error="insufficient_scope"').map(({ scheme, parameters }) => [
        scheme,
        parameters.realm,
      ]),
      [
        ["negotiate", undefined],
        ["basic", "x"],
        ["bearer", "https://t"],
      ],
    );
  });

  test("whatever a registry sends is read in bounded time without throwing", () => {
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (header) => Array.isArray(parseChallenges(header))));
    const taken = startCpuTime();
    parseChallenges('Bearer realm="'.repeat(5000));
    parseChallenges("a ".repeat(5000));
    parseChallenges(`a="${"\\".repeat(9000)}`);
    assert.ok(taken() < 1_000);
  });
});
