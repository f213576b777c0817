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
  // The project itself may be reached by a link.
  await symlink("project", join(folder, "link"));
  const refusal = async (name: string, module?: string) => {
    const project = await readProject(join(folder, name));
    assert.ok(project.ok);
    const built = await buildProject(project.value, { env: { PATH: "/nowhere" }, ...(module && { module: join(folder, module) }) });
    assert.ok(!built.ok);
    return built.error;
  };
  for (const [name, module] of [["project"], ["link"], ["project", "project/build/test/f.wasm"]] as const)
    assert.match(
      (await refusal(name, module)).message,
      /build(\/test)? leads out of the project, to .*outside; make it a folder of the project's own$/,
    );
  assert.deepEqual(await readdir(join(folder, "outside")), []);
  assert.equal((await refusal("project", "elsewhere/f.wasm")).reason, "NoToolchain", "a place that is outside by its name is meant");
  await rm(join(folder, "project/build"));
  await symlink("../nothing", join(folder, "project/build"));
  assert.equal((await refusal("project")).reason, "CannotWrite");
  assert.deepEqual((await readdir(folder)).sort(), ["link", "outside", "project"]);
  await rm(join(folder, "project/build"));
  await mkdir(join(folder, "project/inside"));
  await symlink("inside", join(folder, "project/build"));
  for (const name of ["project", "link"]) assert.equal((await refusal(name)).reason, "NoToolchain");
});
