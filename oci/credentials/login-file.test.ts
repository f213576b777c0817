import assert from "node:assert/strict";
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { createTestHelper } from "../testing/helper.ts";
import { failed, valued } from "../testing/result.ts";
import { createHelper } from "./helper.ts";
import { matchingEntries } from "./keychain.ts";
import { removeLogin, saveLogin } from "./login-file.ts";
import { filesWith, personKeychain } from "./person.ts";

const robot = { username: "robot", password: "pa:ss" };
const auth = Buffer.from("robot:pa:ss").toString("base64");

function world(config?: string) {
  const { env, home, calls, add } = createTestHelper();
  const path = join(home, ".docker", "config.json");
  if (config !== undefined) {
    mkdirSync(dirname(path));
    writeFileSync(path, config, { mode: 0o644 });
  }
  const text = () => readFileSync(path, "utf8");
  const found = async (registry: string) => matchingEntries(valued(await personKeychain(registry, { env })), registry, "a");
  return { env, home, path, calls, add, text, json: () => JSON.parse(text()), found };
}

describe("a login in the open", () => {
  test("makes Docker's file for its owner alone, and is found again", async () => {
    const { env, path, text, found } = world();
    assert.deepEqual(valued(await saveLogin("r.example:5000", robot, { env })), { file: path, helper: undefined });
    assert.equal(text(), `{\n\t"auths": {\n\t\t"r.example:5000": {\n\t\t\t"auth": "${auth}"\n\t\t}\n\t}\n}\n`);
    assert.deepEqual([statSync(path).mode & 0o777, statSync(dirname(path)).mode & 0o777], [0o600, 0o700]);
    assert.deepEqual(await found("r.example:5000"), [robot]);
    assert.deepEqual(readdirSync(dirname(path)), ["config.json"]);
  });

  test("takes the place of one that was written in another way, and goes with it", async () => {
    for (const [written, named] of [
      ["https://R.example:443/v2/", "r.example"],
      ["r.example", "r.example:443"],
      ["[0:0:0:0:0:0:0:1]:5000", "[::1]:5000"],
    ] as const) {
      const { env, home, json, found } = world(JSON.stringify({ auths: { [written]: { auth: "b2xkOm9sZA==", email: "me@r.example" } } }));
      valued(await saveLogin(named, robot, { env }));
      assert.deepEqual(json().auths, { [named]: { email: "me@r.example", auth } });
      assert.deepEqual(await found(named), [robot]);
      assert.deepEqual(await filesWith(named, env), [join(home, ".docker", "config.json")]);
      assert.equal(valued(await removeLogin(named, { env })).wasThere, true);
      assert.deepEqual([json().auths, await filesWith(named, env)], [{}, []]);
    }
  });

  test("keeps all else that Docker and others wrote there, in the same meaning and indent", async () => {
    const others = {
      auths: { "https://index.docker.io/v1/": { auth: "eDp5" }, "https://r.example": { auth: "b2xkOm9sZA==", email: "me@r.example" } },
      HttpHeaders: { "User-Agent": "Docker" },
      psFormat: "table {{.ID}}\\t\u00e9",
      detachKeys: "ctrl-e,e",
      credHelpers: { "gcr.example": "gcloud" },
      plugins: { x: { large: 0 } },
      currentContext: "remote",
    };
    const config = JSON.stringify(others, undefined, 2).replace('"large": 0', '"large": 1234567890123456789, "__proto__": {"a": 1}');
    const { env, path, text, json } = world(config);
    valued(await saveLogin("r.example", robot, { env }));
    assert.deepEqual(json().auths, { "https://index.docker.io/v1/": { auth: "eDp5" }, "r.example": { email: "me@r.example", auth } });
    const { auths: _, ...rest } = json();
    const { auths: __, ...before } = JSON.parse(config);
    assert.deepEqual(rest, before);
    assert.match(text(), /^\{\n {2}"auths"/);
    assert.match(text(), /"large": 1234567890123456789/);
    assert.match(text(), /"__proto__"/);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(valued(await removeLogin("r.example", { env })).wasThere, true);
    assert.deepEqual(json(), { ...JSON.parse(config), auths: { "https://index.docker.io/v1/": { auth: "eDp5" } } });
    assert.equal(valued(await removeLogin("r.example", { env })).wasThere, false);
    valued(await saveLogin("docker.io", robot, { env }));
    assert.deepEqual(json().auths, { "https://index.docker.io/v1/": { auth } });
  });

  test("writes where a link leads, and the link stays", async () => {
    for (const exists of [true, false]) {
      const { env, home, path, json } = world();
      mkdirSync(dirname(path));
      mkdirSync(join(home, "dotfiles"));
      const real = join(home, "dotfiles", "docker.json");
      if (exists) writeFileSync(real, '{"psFormat":"x"}');
      symlinkSync("../dotfiles/docker.json", path);
      valued(await saveLogin("r.example", robot, { env }));
      assert.ok(lstatSync(path).isSymbolicLink());
      assert.equal(JSON.parse(readFileSync(real, "utf8")).auths["r.example"].auth, auth);
      assert.equal(json().psFormat, exists ? "x" : undefined);
    }
  });

  test("a file that cannot be read or written stays as it is", async () => {
    for (const text of ["{", "[]", '"x"']) {
      const { env, text: now } = world(text);
      failed(await saveLogin("r.example", robot, { env }), "BadDockerConfig");
      failed(await removeLogin("r.example", { env }), "BadDockerConfig");
      assert.equal(now(), text);
    }
    const { env, home } = world();
    writeFileSync(join(home, ".docker"), "a file, not a folder");
    const { message } = failed(await saveLogin("r.example", robot, { env }), "CannotWrite");
    assert.ok(!message.includes(auth) && !message.includes("pa:ss"), message);
    assert.equal(valued(await removeLogin("r.example", { env })).wasThere, false);
  });
});

describe("a login with a helper", () => {
  test("goes to the helper, and the file has no password", async () => {
    const { env, path, text, json, calls, found } = world('{"credsStore":"test","auths":{"r.example":{"auth":"b2xkOm9sZA=="}}}');
    assert.deepEqual(valued(await saveLogin("r.example", robot, { env })), { file: path, helper: "docker-credential-test" });
    assert.deepEqual(json(), { credsStore: "test", auths: { "r.example": {} } });
    assert.ok(!text().includes("pass") && !text().includes(auth));
    assert.deepEqual(await found("r.example"), [robot]);
    assert.deepEqual(valued(await removeLogin("r.example", { env })), { file: path, helper: "docker-credential-test", wasThere: true });
    assert.deepEqual(json(), { credsStore: "test", auths: {} });
    assert.deepEqual(await found("r.example"), []);
    assert.ok(calls().includes("store r.example") && calls().includes("erase r.example"));
    valued(await saveLogin("docker.io", robot, { env }));
    assert.equal(calls().at(-1), "store https://index.docker.io/v1/");
  });

  test("a helper that fails leaves the file as it is, and nothing in the open", async () => {
    const config = '{"credHelpers":{"r.example":"broken"}}';
    const { env, text, add } = world(config);
    add("broken", "#!/bin/sh\necho locked; exit 1");
    failed(await saveLogin("r.example", robot, { env }), "CredentialHelperFailed");
    assert.equal(text(), config);
    failed(await removeLogin("r.example", { env }), "CredentialHelperFailed");
    chmodSync(join(env.HOME ?? "", "bin", "docker-credential-broken"), 0o600);
    failed(await saveLogin("r.example", robot, { env }), "CredentialHelperFailed");
    assert.equal(text(), config);
  });
});

test("a helper is found, asked and told to forget by every way in which Docker's file writes the registry", async () => {
  const listed = { auths: { "r.example:443": {} }, credHelpers: { "https://R.example:443": "test" } };
  const { env, json, found } = world(JSON.stringify(listed));
  const helper = valued(createHelper("test", { env }));
  valued(await helper.store("r.example:443", robot));
  assert.deepEqual(await found("r.example"), [robot]);
  assert.equal(valued(await removeLogin("r.example", { env })).wasThere, true);
  assert.equal(valued(await helper.get("r.example:443")), undefined);
  assert.deepEqual(json().auths, {});
});
