import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { privateKeyFile } from "./private-key.ts";

async function createData(t: TestContext): Promise<string> {
  const data = await mkdtemp(join(tmpdir(), "weir-key-"));
  t.after(() => rm(data, { recursive: true }));
  return data;
}

const modeOf = async (path: string) => (await stat(path)).mode & 0o7777;

test("the first start makes a key that only its owner may read, and every later one finds it", async (t) => {
  const data = await createData(t);
  const made = await privateKeyFile(data)();
  assert.ok(made.ok);
  assert.equal(made.value.length, 32);
  assert.deepEqual([await modeOf(join(data, "private")), await modeOf(join(data, "private/key"))], [0o700, 0o600]);
  const again = await privateKeyFile(data)();
  assert.deepEqual(again, made);
  assert.deepEqual(await readdir(join(data, "private")), ["key"]);
});

test("processes that start at once have one key", async (t) => {
  const data = await createData(t);
  const keys = await Promise.all(Array.from({ length: 8 }, () => privateKeyFile(data)()));
  assert.equal(new Set(keys.map((key) => (key.ok ? Buffer.from(key.value).toString("hex") : key.error.message))).size, 1);
});

test("a key that others may read, that is cut off or that is a link is refused with what to do", async (t) => {
  const data = await createData(t);
  const [folder, file] = [join(data, "private"), join(data, "private/key")];
  const refusal = async () => {
    const opened = await privateKeyFile(data)();
    assert.ok(!opened.ok);
    return opened.error.message;
  };
  await privateKeyFile(data)();
  await chmod(file, 0o640);
  assert.match(await refusal(), /private\/key is open to others \(mode 640\); chmod 600 .*private\/key/);
  await chmod(file, 0o600);
  await chmod(folder, 0o755);
  assert.match(await refusal(), /private is open to others \(mode 755\); chmod 700/);
  await chmod(folder, 0o700);
  const key = await readFile(file);
  await writeFile(file, key.subarray(0, 31));
  const short = await refusal();
  assert.match(short, /has 31 bytes, a private key has 32; restore it from a backup, or remove it/);
  assert.ok(!short.includes(key.toString("hex").slice(0, 8)));
  await rm(file);
  await writeFile(join(data, "elsewhere"), key);
  await symlink(join(data, "elsewhere"), file);
  assert.match(await refusal(), /cannot be used/);
  await rm(folder, { recursive: true });
  await writeFile(folder, "");
  assert.match(await refusal(), /private is not a folder/);
});

test("modes that Kubernetes' fsGroup widened are set back", async (t) => {
  const data = await createData(t);
  const made = await privateKeyFile(data)();
  const [folder, file] = [join(data, "private"), join(data, "private/key")];
  await chmod(folder, 0o2770);
  await chmod(file, 0o660);
  assert.deepEqual(await privateKeyFile(data)(), made);
  assert.equal((await modeOf(folder)) & 0o777, 0o700);
  assert.equal(await modeOf(file), 0o600);
});

test("a key that is open in a folder without Kubernetes' mark is refused", async (t) => {
  const data = await createData(t);
  const made = await privateKeyFile(data)();
  await chmod(join(data, "private"), 0o2770);
  assert.deepEqual(await privateKeyFile(data)(), made);
  await chmod(join(data, "private/key"), 0o660);
  assert(!(await privateKeyFile(data)()).ok, "without the mark of Kubernetes somebody else opened it");
});
