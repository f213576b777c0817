import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cached, cacheFolder, keyOf } from "../../base/cache-folder.ts";
import { installEnvoy } from "./envoy.ts";
import { versionOf } from "./go.ts";
import { run, ToolError } from "./run.ts";

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "weir-tools-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("a cached folder is filled once, however many ask at the same time", async (t) => {
  const root = await folder(t);
  let fills = 0;
  const fill = async (draft: string) => {
    fills += 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
    await writeFile(join(draft, "tool"), "whole");
  };
  const paths = await Promise.all([cached("a-1", fill, root), cached("a-1", fill, root), cached("a-1", fill, root)]);
  assert.equal(fills, 1);
  assert.deepEqual(new Set(paths), new Set([join(root, "a-1")]));
  assert.equal(await readFile(join(root, "a-1", "tool"), "utf8"), "whole");
  assert.deepEqual(await readdir(root), ["a-1"]);
});

test("a fill that fails leaves nothing behind, and the next one starts afresh", async (t) => {
  const root = await folder(t);
  const half = cached(
    "a-1",
    async (draft) => {
      await writeFile(join(draft, "tool"), "ha");
      throw new ToolError("no network");
    },
    root,
  );
  await assert.rejects(half, /no network/);
  assert.deepEqual(await readdir(root), []);
  await cached("a-1", (draft) => writeFile(join(draft, "tool"), "whole"), root);
  assert.deepEqual(await readdir(join(root, "a-1")), ["tool"]);
});

test("the lock of a process that died is taken over", async (t) => {
  const root = await folder(t);
  const lock = join(root, "a-1.lock");
  await mkdir(lock);
  const longAgo = new Date(Date.now() - 60_000);
  await utimes(lock, longAgo, longAgo);
  await cached("a-1", async () => {}, root);
  assert.deepEqual(await readdir(root), ["a-1"]);
});

test("the cache is outside the checkout and follows XDG_CACHE_HOME", () => {
  assert.equal(cacheFolder({ XDG_CACHE_HOME: "/var/cache" }), "/var/cache/weir");
  assert.match(cacheFolder({}), /\/\.cache\/weir$/);
  assert.notEqual(keyOf("ab", "c"), keyOf("a", "bc"));
});

test("an ENVOY that is not one is refused in one line that says what to do", async (t) => {
  const fake = join(await folder(t), "envoy");
  await writeFile(fake, "#!/bin/sh\necho hello\n");
  await chmod(fake, 0o755);
  for (const env of [{ ENVOY: fake }, { PATH: join(fake, "..") }, { ENVOY: "/nowhere/envoy" }]) {
    await assert.rejects(installEnvoy(env), (error: Error) => {
      assert.ok(error instanceof ToolError);
      assert.match(error.message, /is not an Envoy that runs on this machine: install Envoy .* ENVOY$/);
      return !error.message.includes("\n");
    });
  }
});

test("a machine without Go gets one line that names it", async (t) => {
  const root = new URL("../../", import.meta.url).pathname;
  const done = await run(process.execPath, [join(root, "scripts/install-tools.ts")], {
    // No other Envoy is fetched: the index of packages is none.
    env: { PATH: await folder(t), XDG_CACHE_HOME: await folder(t), ENVOY: await fakeEnvoy(t), PIP_INDEX_URL: "none" },
  });
  assert.equal(done.code, 1);
  assert.equal(done.stderr, "go is missing; install Go 1.26 or newer from https://go.dev/dl and put it on the PATH\n");
});

async function fakeEnvoy(t: TestContext): Promise<string> {
  const path = join(await folder(t), "envoy");
  await writeFile(path, "#!/bin/sh\necho 'envoy  version: 0123abcd/1.40.0/Clean/RELEASE/BoringSSL'\n");
  await chmod(path, 0o755);
  return path;
}

test("the version of a tool is the one that go.mod requires of the innermost module", () => {
  const mod = "module x\n\nrequire (\n\tgo.etcd.io/etcd v3.5.0\n\tgo.etcd.io/etcd/server/v3 v3.6.8\n)\n";
  assert.equal(versionOf(mod, "go.etcd.io/etcd/server/v3"), "v3.6.8");
  assert.throws(() => versionOf(mod, "example.com/x"), ToolError);
});
