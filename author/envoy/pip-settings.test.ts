import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readPipSettings } from "./pip-settings.ts";

test("packages come from where pip takes them: the environment, then its files, then PyPI", async (t) => {
  const home = await mkdtemp(join(tmpdir(), "weir-pip-"));
  t.after(() => rm(home, { recursive: true }));
  const read = (env: Record<string, string>) => readPipSettings({ PIP_CONFIG_FILE: "", ...env }, home);
  await mkdir(join(home, ".config/pip"), { recursive: true });
  const conf = join(home, ".config/pip/pip.conf");

  await writeFile(conf, "[install]\nindex-url = https://other.example/simple\n");
  assert.equal((await read({})).index, "https://pypi.org/simple");
  await writeFile(
    conf,
    "# ours\n[global]\nindex_url: https://mirror.example/simple/\ncert = /ca.pem\n[search]\nindex-url=https://no.example\n",
  );
  assert.deepEqual(await read({}), { index: "https://mirror.example/simple", authorities: "/ca.pem" });
  const env = { PIP_INDEX_URL: "https://env.example/simple//", PIP_CERT: "/own.pem" };
  assert.deepEqual(await read(env), { index: "https://env.example/simple", authorities: "/own.pem" });

  const own = join(home, "own.conf");
  await writeFile(own, "[global]\nindex-url = https://own.example/simple\n");
  assert.equal((await read({ PIP_CONFIG_FILE: own })).index, "https://own.example/simple");
});
