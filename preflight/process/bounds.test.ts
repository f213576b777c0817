import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { PRLIMIT, prlimitOptions } from "./bounds.ts";

test("prlimit sets the bounds that the shell sets", { skip: existsSync(PRLIMIT) ? false : `needs ${PRLIMIT}` }, () => {
  const options = prlimitOptions({ heapMb: 64, residentMb: 256, cpuSeconds: 10 });
  const { stdout: limits } = spawnSync(PRLIMIT, [...options, "/bin/cat", "/proc/self/limits"], { encoding: "utf8", env: {} });
  assert.match(limits, /Max cpu time\s+10\s+12 /);
  assert.match(limits, /Max core file size\s+0\s+0 /);
  assert.match(limits, /Max open files\s+64\s+64 /);
  assert.match(limits, new RegExp(`Max data size\\s+${(256 + 512) * 2 ** 20}\\s+${(256 + 512) * 2 ** 20} `));
});
