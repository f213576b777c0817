import assert from "node:assert/strict";
import { test } from "node:test";
import { verifyProblems } from "./verify.ts";

function problems(identityRegExp: string): readonly string[] {
  const verify = [{ cosign: { keyless: { issuer: "https://issuer.example", identityRegExp } } }];
  return verifyProblems({ verify }).map(({ path, message }) => `${path}: ${message}`);
}

test("an expression for identities that takes minutes to match is refused, and none that people write", () => {
  const slow = ["spec.verify[0].cosign.keyless.identityRegExp: repeats too much, and would take long to match; make it simpler"];
  for (const regExp of ["(?:a?){1000}".repeat(85), "(?:a{0,30}){0,30}".repeat(25), "(?:[a-z]{0,9}-){100}".repeat(10)])
    assert.deepEqual(problems(regExp), slow, regExp);
  for (const regExp of [
    ".*",
    String.raw`https://github\.com/(?:me|other)-[a-z0-9-]{1,39}/[\w.-]{1,100}/\.github/workflows/[a-z]+\.ya?ml@refs/(?:heads|tags)/.*`,
    "a".repeat(1_024),
  ])
    assert.deepEqual(problems(regExp), [], regExp);
});
