import assert from "node:assert/strict";
import { test } from "node:test";
import { failed, valued } from "../testing/result.ts";
import { isDirect, readProxies } from "./proxies.ts";

test("the proxies of the environment are read, in small letters first; what is no URL is refused and not quoted", () => {
  assert.equal(valued(readProxies({ HTTPS_PROXY: "", NO_PROXY: "a" })), undefined);
  const given = { HTTPS_PROXY: "http://upper:1", https_proxy: "http://lower:2", NO_PROXY: "a,b" };
  assert.deepEqual(valued(readProxies(given)), { http: undefined, https: "http://lower:2", except: "a,b" });
  assert.equal(valued(readProxies({ http_proxy: "https://p:1" }))?.http, "https://p:1");
  for (const value of ["proxy.example:3128hunter2", "socks5://hunter2@p:1", "hunter2"])
    assert.ok(!failed(readProxies({ HTTPS_PROXY: value }), "InvalidProxy").message.includes("hunter2"));
});

test("this machine, and addresses in a range, are no proxy's business", () => {
  const proxies = { http: undefined, https: undefined, except: "10.0.0.0/8 192.0.2.1,fd00::/8,example.com" };
  const direct = (host: string) => isDirect(new URL(`http://${host}/`), proxies);
  for (const host of ["localhost", "a.localhost", "127.0.0.1:5000", "127.1", "[::1]:5000", "10.1.2.3", "192.0.2.1", "[fd12::1]"])
    assert.ok(direct(host), host);
  for (const host of ["11.0.0.1", "192.0.2.2", "[fe80::1]", "localhost.example", "x.example"]) assert.ok(!direct(host), host);
});
