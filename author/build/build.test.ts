import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readProject } from "../project/read.ts";
import { buildProject } from "./build.ts";

test("a module is not written through a link that leads out of the project", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "weir-build-"));
  t.after(() => rm(folder, { recursive: true }));
  for (const name of ["outside", "project"]) await mkdir(join(folder, name));
  await writeFile(join(folder, "project/weir.yaml"), "language: c\nname: f\n");
  await symlink("../outside", join(folder, "project/build"));
  const project = await readProject(join(folder, "project"));
  assert.ok(project.ok);
  const built = await buildProject(project.value, { env: {} });
  assert.ok(!built.ok);
  assert.match(built.error.message, /build leads out of the project, to .*outside; make it a folder of the project's own$/);
  assert.deepEqual(await readdir(join(folder, "outside")), []);
});
