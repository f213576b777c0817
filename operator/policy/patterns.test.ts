import assert from "node:assert/strict";
import { test } from "node:test";
import { matchesGlob } from "../../base/glob.ts";
import { repositoryPattern } from "../../model/registry-name.ts";

test("a pattern is written as the repositories are that it is compared with", () => {
  for (const [pattern, spelling, match] of [
    ["registry.example/filters/*", "registry.example/filters/*", "registry.example/filters/f"],
    ["registry.example:443/filters/**", "registry.example/filters/**", "registry.example/filters/a/b"],
    ["registry.example:5000/**", "registry.example:5000/**", "registry.example:5000/f"],
    ["index.docker.io/me/*", "docker.io/me/*", "docker.io/me/f"],
    ["docker.io/nginx", "docker.io/library/nginx", "docker.io/library/nginx"],
    ["docker.io/**", "docker.io/**", "docker.io/me/f"],
    ["*.example:443/**", "*.example/**", "a.example/f"],
    ["[0:0::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"],
    ["localhost/a", "localhost/a", "localhost/a"],
    ["registry.example**", "registry.example**", "registry.example/a/f"],
    ["*", "*", "f"],
    ["**", "**", "registry.example/f"],
    ["**/f", "**/f", "registry.example/f"],
    ["oci-layout:modules/**", "oci-layout:modules/**", "oci-layout:modules/f"],
  ] as const) {
    assert.equal(repositoryPattern(pattern), spelling);
    assert.ok(matchesGlob(spelling, match), `${spelling} ${match}`);
  }
});

test("a pattern without a registry stays one that matches no repository", () => {
  for (const pattern of ["filters/*", "nginx", "me/**"]) {
    assert.equal(repositoryPattern(pattern), pattern);
    for (const name of ["docker.io/filters/f", "docker.io/library/nginx", "docker.io/me/f"]) assert.ok(!matchesGlob(pattern, name));
  }
});
