import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isCrossOrigin, isLocalName } from "./origin.ts";

describe("where a request comes from", () => {
  const from = (origin?: string, site?: string, host: string | undefined = "weir.example:18001") => isCrossOrigin({ host, origin, site });

  test("a page of this server and a program that is no browser are not cross-origin", () => {
    assert.equal(from(), false);
    assert.equal(from("http://weir.example:18001", "same-origin"), false);
    assert.equal(from("http://weir.example:18001"), false);
    assert.equal(from("http://weir.example:18001", undefined, "WEIR.example:18001"), false);
    assert.equal(from(undefined, "none"), false);
  });

  test("pages of other hosts, other ports, other sites and sandboxes are", () => {
    for (const origin of ["http://elsewhere.example", "http://weir.example", "http://weir.example:18002", "null", "", "nonsense"]) {
      assert.equal(from(origin), true, origin);
    }
    for (const site of ["cross-site", "same-site", "odd"]) assert.equal(from("http://weir.example:18001", site), true, site);
    assert.equal(isCrossOrigin({ host: undefined, origin: "http://weir.example", site: undefined }), true);
  });

  test("localhost and addresses are local names, other names are not", () => {
    for (const host of [undefined, "localhost", "localhost:1", "127.0.0.1:1", "[::1]:1", "10.0.0.1"]) assert.ok(isLocalName(host), host);
    for (const host of ["rebound.example", "localhost.example", "127.0.0.1.example:80", ""]) assert.ok(!isLocalName(host), host);
  });
});
