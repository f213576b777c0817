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
    const idle = sessions.open("a", undefined);
    assert.equal(idle.seconds, 8 * 3600);
    clock.now += SESSION_LIMITS.idleMs - 1;
    assert.equal(sessions.find(idle.id), "a");
    clock.now += SESSION_LIMITS.idleMs;
    assert.equal(sessions.find(idle.id), undefined);
    const short = sessions.open("b", clock.now + 60_000);
    assert.equal(short.seconds, 60);
    clock.now += 60_000;
    assert.equal(sessions.find(short.id), undefined);
    const busy = sessions.open("c", undefined);
    for (let passed = 0; passed < SESSION_LIMITS.longestMs; passed += 60_000) {
      assert.equal(sessions.find(busy.id), "c");
      clock.now += 60_000;
    }
    assert.equal(sessions.find(busy.id), undefined);
    const over = sessions.open("d", undefined);
    sessions.close(over.id);
    assert.equal(sessions.find(over.id), undefined);
    assert.equal(sessions.size, 0);
  });

  test("are bounded, in all and of one token; those in use stay", () => {
    const { sessions } = start({ ...SESSION_LIMITS, count: 4, ofToken: 2 });
    const first = sessions.open("a", undefined);
    const ids = Array.from({ length: 10 }, () => sessions.open("b", undefined).id);
    assert.equal(sessions.find(first.id), "a");
    assert.equal(ids.filter((id) => sessions.find(id) !== undefined).length, 2);
    for (const token of ["c", "d", "e", "f"]) {
      sessions.open(token, undefined);
      assert.equal(sessions.find(first.id), "a");
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
});

test("a form leads on to paths of this server alone", () => {
  for (const path of ["/", "/filters/a/b?x=1", "/me"]) assert.equal(localPath(path, "/fallback"), path);
  for (const path of [null, "", "//elsewhere.example/", "/\\elsewhere.example", "https://elsewhere.example/", "javascript:alert(1)", "x"])
    assert.equal(localPath(path, "/fallback"), "/fallback", String(path));
});
