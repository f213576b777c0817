import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { createTestHelper } from "../testing/helper.ts";
import { failed, valued } from "../testing/result.ts";
import { createHelper } from "./helper.ts";
import { matchingEntries } from "./keychain.ts";
import { credentialFiles, personKeychain } from "./person.ts";

const auth = (user: string) => ({ auth: Buffer.from(`${user}:pw`).toString("base64") });

function world() {
  const { env, home, add } = createTestHelper();
  const write = (path: string, document: unknown) => {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), typeof document === "string" ? document : JSON.stringify(document));
  };
  const users = async (registry: string, more: Record<string, string> = {}, repository = "team/f") => {
    const keychain = valued(await personKeychain(registry, { env: { ...env, ...more }, timeoutMs: 5_000 }));
    return matchingEntries(keychain, registry, repository).map((entry) => ("problem" in entry ? entry.problem : entry.username));
  };
  return { env, home, add, write, users };
}

describe("a person's credentials", () => {
  test("come from Docker's file and Podman's, the longest path first", async () => {
    const { home, write, users } = world();
    assert.deepEqual(await users("r.example"), []);
    write(".docker/config.json", { auths: { "r.example": auth("docker") } });
    write("run/containers/auth.json", { auths: { "r.example": auth("podman"), "r.example/team": auth("team") } });
    write(".config/containers/auth.json", { auths: { "r.example": auth("podman-config") } });
    write("explicit.json", { auths: { "r.example": auth("explicit") } });
    const runtime = { XDG_RUNTIME_DIR: join(home, "run") };
    assert.deepEqual(await users("r.example"), ["docker", "podman-config"]);
    assert.deepEqual(await users("r.example", runtime), ["team", "docker", "podman", "podman-config"]);
    const explicit = { ...runtime, REGISTRY_AUTH_FILE: join(home, "explicit.json") };
    assert.deepEqual(await users("r.example", explicit), ["team", "explicit", "docker", "podman", "podman-config"]);
    write("docker/config.json", { auths: { "r.example": auth("elsewhere") } });
    assert.deepEqual(await users("r.example", { DOCKER_CONFIG: join(home, "docker") }), ["elsewhere", "podman-config"]);
  });

  test("are asked of the helper that the file names for the registry, else of the one for all", async () => {
    const { env, home, add, write, users } = world();
    add("own", `#!/bin/sh\necho '{"ServerURL":"r.example","Username":"own","Secret":"s"}'`);
    const keeping = valued(createHelper("test", { env }));
    valued(await keeping.store("other.example", { username: "kept", password: "s" }));
    valued(await keeping.store("https://index.docker.io/v1/", { username: "<token>", password: "refresh" }));
    write(".docker/config.json", {
      auths: { "other.example": {} },
      credsStore: "test",
      credHelpers: { "https://R.example/v2/": "own", "off.example": "" },
    });
    assert.deepEqual(await users("r.example"), ["own"]);
    assert.deepEqual(await users("other.example"), ["kept"]);
    assert.deepEqual(await users("docker.io"), ["<token>"]);
    assert.deepEqual(await users("off.example"), []);
    assert.deepEqual(await users("nobody.example"), []);
    write(".docker/config.json", { auths: { "r.example": auth("file") }, credsStore: "nowhere" });
    const [problem, file] = await users("r.example");
    assert.match(problem ?? "", /^docker-credential-nowhere, .* is not on the PATH/);
    assert.ok(problem?.endsWith(`(${join(home, ".docker/config.json")})`));
    assert.equal(file, "file");
  });

  test("a file that cannot be read is named, and an empty one is none", async () => {
    const { env, write, users } = world();
    for (const text of ["", "\n"]) {
      write(".docker/config.json", text);
      assert.deepEqual(await users("r.example"), []);
    }
    for (const text of ["{hunter2", "[]", '{"auths": 1}', `{"a": "${"x".repeat(1 << 20)}"}`]) {
      write(".docker/config.json", text);
      const { message } = failed(await personKeychain("r.example", { env }), "BadDockerConfig");
      assert.ok(message.includes(credentialFiles(env)[0] ?? "-") && !message.includes("hunter2"), message);
    }
  });
});
