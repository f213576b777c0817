import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { printCookie, readCookie } from "./cookie.ts";
import { localPath } from "./form.ts";
import { SESSION_LIMITS, Sessions } from "./sessions.ts";

describe("sessions", () => {
  const start = (limits = SESSION_LIMITS) => {
    const clock = { now: 1_000_000 };
    return { clock, sessions: new Sessions(() => clock.now, limits) };
  };

  test("end after half an hour without a request, after eight hours, with their token, and when somebody signs out", () => {
    const { clock, sessions } = start();
    const idle = sessions.open("a", "alice", undefined);
    assert.equal(idle.seconds, 8 * 3600);
    clock.now += SESSION_LIMITS.idleMs - 1;
    assert.equal(sessions.find(idle.id, true), "a");
    clock.now += SESSION_LIMITS.idleMs;
    assert.equal(sessions.find(idle.id, true), undefined);
    const short = sessions.open("b", "alice", clock.now + 60_000);
    assert.equal(short.seconds, 60);
    clock.now += 60_000;
    assert.equal(sessions.find(short.id, true), undefined);
    const busy = sessions.open("c", "alice", undefined);
    for (let passed = 0; passed < SESSION_LIMITS.longestMs; passed += 60_000) {
      assert.equal(sessions.find(busy.id, true), "c");
      clock.now += 60_000;
    }
    assert.equal(sessions.find(busy.id, true), undefined);
    const over = sessions.open("d", "alice", undefined);
    assert.deepEqual([sessions.close(over.id), sessions.close(over.id)], [true, false]);
    assert.equal(sessions.find(over.id, true), undefined);
    assert.equal(sessions.size, 0);
  });

  test("are not kept by what an open page asks for by itself", () => {
    const { clock, sessions } = start();
    const { id } = sessions.open("a", "alice", undefined);
    clock.now += SESSION_LIMITS.idleMs - 1;
    assert.equal(sessions.find(id, false), "a");
    clock.now += 1;
    assert.equal(sessions.find(id, false), undefined);
  });

  test("are bounded, in all and of one person whatever their tokens; those in use stay", () => {
    const { sessions } = start({ ...SESSION_LIMITS, count: 4, ofOwner: 2 });
    const first = sessions.open("a", "alice", undefined);
    const ids = Array.from({ length: 10 }, (_, number) => sessions.open(`b-${number}`, "bob", undefined).id);
    assert.equal(sessions.find(first.id, true), "a");
    assert.deepEqual(
      ids.map((id) => sessions.find(id, true)).filter((token) => token !== undefined),
      ["b-8", "b-9"],
    );
    for (const owner of ["carol", "dan", "eve", "frank"]) {
      sessions.open("c", owner, undefined);
      assert.equal(sessions.find(first.id, true), "a");
    }
    assert.equal(sessions.size, 4);
  });
});

describe("cookies", () => {
  const ID = "x".repeat(43);

  test("no script reads them, no other site sends them; on TLS this host alone sets them", () => {
    assert.equal(printCookie(ID, "127.0.0.1:18001", false, 60), `weir-18001=${ID}; Path=/; HttpOnly; SameSite=Strict; Max-Age=60`);
    assert.equal(printCookie(ID, "weir.example", true, 60), `__Host-weir=${ID}; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure`);
  });

  test("of another port and those that are none are not read; that of TLS comes first", () => {
    const [host, other] = ["127.0.0.1:18001", "y".repeat(43)];
    assert.equal(readCookie(`a=b; weir-18001=${ID}`, host), ID);
    assert.equal(readCookie(`weir-18001=${ID}; __Host-weir-18001=${other}`, host), other);
    for (const header of [undefined, "", `weir-18002=${ID}`, `weir-18001=${ID}x`, "weir-18001=", "weir-18001"])
      assert.equal(readCookie(header, host), undefined, header);
  });

  test("one that anything but TLS may have set is read at a loopback name alone", () => {
    for (const host of ["weir.example", "weir.example:8443", "10.0.0.1:8443", "[fd00::1]:8443"]) {
      const port = /:\d+$/.exec(host)?.[0].replace(":", "-") ?? "";
      assert.equal(readCookie(`weir${port}=${ID}`, host), undefined, host);
      assert.equal(readCookie(`weir${port}=${"y".repeat(43)}; __Host-weir${port}=${ID}`, host), ID, host);
    }
    for (const host of ["localhost:8443", "127.0.0.2:8443", "[::1]:8443"]) assert.equal(readCookie(`weir-8443=${ID}`, host), ID, host);
  });
});

test("a form leads on to paths of this server alone", () => {
  for (const path of ["/", "/filters/a/b?x=1", "/me", "/filters?to=//evil.example", "/filters//a"])
    assert.equal(localPath(path, "/fallback"), path);
  for (const path of [
    ...[null, "", "//elsewhere.example/", "/\\elsewhere.example", "https://elsewhere.example/", "javascript:alert(1)", "x"],
    // What a browser makes of these begins with two slashes, as the host of another server does: https://url.spec.whatwg.org/#path-state
    ...["/.//here.invalid//evil.com", "/.//evil.com", "/..//evil.com", "/a/..//evil.com", "/%2e//evil.com", "/%2E%2e//evil.com"],
    ...[
      "/.\\\\evil.com",
      "/./\\evil.com",
      "/.\t//evil.com",
      "/\n/evil.com",
      "/\t\\evil.com",
      "/\r/here.invalid//evil.com",
      "//here.invalid//evil.com",
    ],
    ...["/.//", "//", "///evil.com", "/.///evil.com"],
  ]) {
    const to = localPath(path, "/fallback");
    assert.equal(URL.parse(to, "https://weir.example")?.origin, "https://weir.example", String(path));
    assert.equal(to, "/fallback", String(path));
  }
});
