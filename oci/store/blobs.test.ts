import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../model/clock.ts";
import { digestOf } from "../../model/digest.ts";
import { silentLog } from "../../model/log.ts";
import { createBlobs } from "./blobs.ts";

const BYTES = new Uint8Array([0, 97, 115, 109]);
const DIGEST = digestOf(BYTES);

async function createDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "weir-blobs-"));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

test("a folder that could not be listed once is listed again: what is written and found stands meanwhile", async (t) => {
  const directory = await createDirectory(t);
  const blobs = createBlobs({ directory, log: silentLog, clock: systemClock });
  await writeFile(join(directory, "blobs"), "in the way");
  await assert.rejects(blobs.sizes());
  await rm(join(directory, "blobs"));
  await mkdir(join(directory, "blobs", "sha256"), { recursive: true });
  assert.equal(await blobs.has(DIGEST), false);
  await blobs.write(DIGEST, BYTES);
  assert.deepEqual([...(await blobs.sizes())], [[DIGEST, BYTES.byteLength]]);
  await blobs.remove(DIGEST);
  assert.equal((await blobs.sizes()).size, 0);
});

test("a write ends well while the folder cannot be listed", async (t) => {
  const directory = await createDirectory(t);
  const blobs = createBlobs({ directory, log: silentLog, clock: systemClock });
  await writeFile(join(directory, "blobs"), "in the way");
  const listing = blobs.sizes();
  const settled = assert.rejects(listing);
  await rm(join(directory, "blobs"));
  await Promise.all([settled, assert.doesNotReject(blobs.has(DIGEST))]);
});
