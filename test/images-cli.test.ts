import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { moduleFolder } from "../cli/testing/modules.ts";
import { runWeir } from "../cli/testing/weir.ts";
import { startProcess } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";

let world: Awaited<ReturnType<typeof moduleFolder>>;
let open: Registry;
let locked: Registry;
const bin = fileURLToPath(new URL("../bin", import.meta.url));
const base = mkdtempSync(join(tmpdir(), "weir-images-"));

before(async () => {
  const auth = { username: "robot", password: "pa:ss" };
  [world, open, locked] = await Promise.all([moduleFolder(), startRegistry(), startRegistry({ auth })]);
});

after(async () => {
  world?.remove();
  await Promise.all([open?.stop(), locked?.stop()]);
  rmSync(base, { recursive: true });
});

const good = () => join(world.dir, "good.wasm");
/** A person with a home of their own. */
const person = () => {
  const home = mkdtempSync(join(base, "home-"));
  return { home, weir: (argv: readonly string[], given: Parameters<typeof runWeir>[2] = {}) => runWeir(home, argv, given) };
};

describe("images of this machine", () => {
  test("an image is pulled, listed, inspected, pushed elsewhere with the same digest, and removed", async () => {
    const { home, weir } = person();
    const [source, target] = [`${open.host}/me/f:1`, `${open.host}/other/f:1`];
    const pushed = JSON.parse((await weir(["push", good(), source, "-o", "json"])).out);
    const nothing = await weir(["list"]);
    assert.deepEqual([nothing.status, nothing.out], [0, ""]);
    assert.match(nothing.err, /^note: there are no images on this machine; weir build -t or weir pull brings one\n$/);
    assert.match((await weir(["push", source])).err, /^error: there is no image 127\.0\.0\.1:\d+\/me\/f:1 on this machine; weir list/);

    const pulled = await weir(["pull", source]);
    assert.equal(pulled.err, "");
    assert.equal(pulled.out, `pulled ${source} (${world.good.length} bytes)\n  digest  ${pushed.digest}\n  module  ${pushed.wasmDigest}\n`);
    assert.ok(statSync(join(home, ".local/share/weir/images/index.json")).isFile());
    const listed = await weir(["list"], { now: Date.now() + 180_500 });
    const short = pushed.digest.slice(7, 19);
    assert.match(
      listed.out,
      new RegExp(`^REPOSITORY +TAG +DIGEST +SIZE +AGE\\n${open.host}/me/f +1 +${short} +[\\d.]+ \\w+ +3m\\d*s?\\n$`),
    );
    const [document] = JSON.parse((await weir(["list", "-o", "json"])).out);
    assert.deepEqual([document.reference, document.digest], [source, pushed.digest]);

    const before = open.logs().length;
    const inspected = await weir(["inspect", source], { now: Date.now() + 60_500 });
    assert.match(inspected.out, new RegExp(`digest {2}${pushed.digest}`));
    assert.match(
      inspected.err,
      new RegExp(`^note: ${source} is the image ${short} of this machine, added 6\\ds ago; --remote asks the registry\\n$`),
    );
    const verified = await weir(["verify", source]);
    assert.equal(verified.status, 0, verified.err);
    assert.match(verified.err, /of this machine/);
    assert.equal(open.logs().length, before, "the registry was not asked");
    assert.equal((await weir(["inspect", source, "--remote"])).err, "");
    assert.ok(open.logs().length > before);

    const project = mkdtempSync(join(base, "project-"));
    writeFileSync(join(project, "weir.yaml"), `language: zig\nname: f\nimage: ${source}\n`);
    const run = await startProcess(join(bin, "weir"), ["push"], {
      name: "weir push",
      cwd: project,
      env: { HOME: home, XDG_DATA_HOME: "" },
    });
    assert.equal((await run.exited).code, 0, run.logs());
    assert.match(run.logs(), new RegExp(`pushed ${source}@${pushed.digest}`));

    const none = await weir(["push", target]);
    assert.match(none.err, /there is no image/, "names are of this machine, not of the digest");
    const again = JSON.parse((await weir(["push", source, "-o", "json"])).out);
    assert.deepEqual(again, pushed);
    assert.deepEqual((await weir(["rmi", source, "nothing.example/a:1"])).out, `untagged ${source}\ndeleted ${pushed.digest}\n`);
    assert.equal((await weir(["list"])).out, "");
  });

  test("an image whose tag went to another is <none>, and goes by its digest", async () => {
    const { weir } = person();
    const reference = `${open.host}/moved/f:dev`;
    const digests: string[] = [];
    for (const file of ["good.wasm", "bad.wasm"]) {
      digests.push(JSON.parse((await weir(["push", join(world.dir, file), reference, "--force", "-o", "json"])).out).digest);
      assert.equal((await weir(["pull", reference])).status, 0);
    }
    const [old = "", now = ""] = digests.map((digest) => digest.slice(7, 19));
    assert.match((await weir(["list"])).out, new RegExp(`f +dev +${now} .*\\n.*f +<none> +${old} `));
    const refused = await weir(["push", reference]);
    assert.match(refused.err, /moved\/f:dev: .*proxy_does_not_exist.*; nothing was pushed: --force pushes it anyway/);
    const removed = await weir(["rmi", "nowhere", old, now, "also-nowhere"]);
    assert.equal(removed.status, 1);
    assert.equal(removed.out.match(/^deleted /gm)?.length, 2);
    assert.match(removed.err, /"nowhere"; weir list.*"also-nowhere"/);
  });

  test("the module alone goes to a file or a pipe, and then no image is kept", async () => {
    const { home, weir } = person();
    const reference = `${open.host}/file/f:1`;
    await weir(["push", good(), reference]);
    assert.match((await weir(["pull", reference, "-f", join(home, "a.wasm")])).out, /a\.wasm \(\d+ bytes\)/);
    assert.deepEqual(readFileSync(join(home, "a.wasm")), world.good);
    assert.equal((await weir(["pull", reference, "-f", "-"])).out, world.good.toString("latin1"));
    assert.equal((await weir(["list"])).out, "");
    assert.match((await weir(["pull", reference, "-f", join(home, "no", "a.wasm")])).err, /cannot write .*ENOENT/);
    await weir(["push", good(), `oci-layout:${home}/images:1`]);
    const layout = await weir(["pull", `oci-layout:${home}/images:1`]);
    assert.equal(layout.status, 2);
    assert.match(layout.err, /is on this machine already; --file writes/);
  });
});

describe("login and logout", () => {
  test("a password is shown to the registry before it is kept, and then used", async () => {
    const { home, weir } = person();
    const file = join(home, ".docker", "config.json");
    const denied = await weir(["push", good(), `${locked.host}/me/f:1`]);
    assert.match(denied.err, /is denied: .*weir login/);
    const wrong = await weir(["login", locked.host, "-u", "robot", "--password-stdin"], { input: "hunter2\n" });
    assert.equal(wrong.status, 1);
    assert.match(wrong.err, /is denied: it refuses this user name and password \(401\); the credentials of user "robot" were used/);
    assert.ok(!wrong.err.includes("hunter2"));
    assert.throws(() => statSync(file));
    const right = await weir(["login", locked.host, "-u", "robot", "--password-stdin"], { input: "pa:ss\n" });
    assert.deepEqual([right.status, right.out], [0, `logged in to ${locked.host} as robot\n`]);
    assert.match(right.err, new RegExp(`^note: the password stands in the open in ${file}; `));
    const reference = `${locked.host}/me/f:1`;
    const pushed = await weir(["push", good(), reference]);
    assert.equal(pushed.status, 0, pushed.err);
    assert.equal((await weir(["list", `${locked.host}/me/f`, "--tags"])).out, "1\n");
    assert.equal((await weir(["pull", reference])).status, 0);
    assert.match((await weir(["list"])).out, /me\/f +1 /);
    assert.match((await weir(["rmi", reference])).out, /^untagged .*\ndeleted sha256:/);
    const out = await weir(["logout", `http://${locked.host}/v2/`]);
    assert.equal(out.out, `logged out of ${locked.host}\n`);
    assert.match((await weir(["logout", locked.host])).err, /^note: there was no login to /);
    assert.match((await weir(["pull", `${locked.host}/me/f:1`])).err, /denied/);
  });

  test("a person is asked", async () => {
    const { weir } = person();
    const asked = await weir(["login", locked.host], { answers: ["robot", "pa:ss"] });
    assert.equal(asked.status, 0, asked.err);
    assert.match(asked.err, /user name at .*: password of robot: /);
  });

  test("a registry that asks nobody is told, and what is no registry is refused", async (t) => {
    const { home, weir } = person();
    const file = () => readFileSync(join(home, ".docker", "config.json"), "utf8");
    const anonymous = await weir(["login", open.host, "-u", "robot", "--password-stdin"], { input: "x" });
    assert.match(anonymous.err, /asks nobody for a password, so this one was not checked/);
    const before = file();
    const answers: [RequestListener, RegExp][] = [
      [(_, response) => void response.writeHead(404).end("<html>"), /answers \/v2\/ with 404, which no registry does; check the name/],
      [(_, response) => void response.writeHead(503).end(), /cannot be reached: it answers 503/],
      [(_, response) => void response.writeHead(401).end(), /answers \/v2\/ with 401, which no registry does/],
      [(_, response) => void response.writeHead(401, { "www-authenticate": "Negotiate" }).end(), /neither Basic nor Bearer/],
      [(request) => void request.socket.destroy(), /cannot be reached/],
    ];
    for (const [answer, says] of answers) {
      const server = createServer(answer);
      t.after(() => server.close());
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      assert.ok(address !== null && typeof address === "object");
      const { status, err } = await weir(["login", `127.0.0.1:${address.port}`, "-u", "robot", "--password-stdin"], { input: "hunter2" });
      assert.equal(status, 1);
      assert.match(err, says);
      assert.ok(!err.includes("hunter2"));
    }
    assert.equal(file(), before);
  });

  test("with a credential helper no file has the password", async () => {
    const { home, weir } = person();
    mkdirSync(join(home, "bin"));
    mkdirSync(join(home, ".docker"));
    const kept = join(home, "kept");
    const script = `#!/bin/sh\ncase $1 in store) cat > ${kept};; get) cat ${kept} 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; };; erase) rm ${kept};; esac\n`;
    writeFileSync(join(home, "bin", "docker-credential-kept"), script, { mode: 0o755 });
    writeFileSync(join(home, ".docker", "config.json"), '{"credsStore":"kept","HttpHeaders":{"a":"b"}}');
    const env = { PATH: `${join(home, "bin")}:/usr/bin:/bin` };
    const done = await weir(["login", locked.host, "-u", "robot", "--password-stdin"], { env, input: "pa:ss" });
    assert.deepEqual([done.out, done.err], [`logged in to ${locked.host} as robot\n`, ""]);
    const config = JSON.parse(readFileSync(join(home, ".docker", "config.json"), "utf8"));
    assert.deepEqual(config, { credsStore: "kept", HttpHeaders: { a: "b" }, auths: { [locked.host]: {} } });
    assert.equal((await weir(["push", good(), `${locked.host}/me/helped:1`], { env })).status, 0);
    assert.equal((await weir(["list", `${locked.host}/me/helped`, "--tags"], { env })).out, "1\n");
    assert.equal((await weir(["logout", locked.host], { env })).out, `logged out of ${locked.host}\n`);
    assert.match((await weir(["list", `${locked.host}/me/helped`], { env })).err, /denied/);
  });
});

test("every command of docs/authors/publishing.md does what the page says", async (t) => {
  const page = await createSnippets("authors/publishing");
  const folder = await createTempFolder("publishing");
  t.after(() => folder.remove());
  copyFileSync(good(), join(folder.path, "add-header.wasm"));
  writeFileSync(join(folder.path, "README.md"), "# add-header\n");
  writeFileSync(join(folder.path, "sbom.spdx.json"), '{"spdxVersion":"SPDX-2.3"}');
  writeFileSync(join(folder.path, "token.txt"), "pa:ss\n");
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  writeFileSync(join(folder.path, "cosign.key"), privateKey.export({ format: "pem", type: "pkcs8" }));
  writeFileSync(join(folder.path, "cosign.pub"), publicKey.export({ format: "pem", type: "spki" }));
  const env = { PATH: `${bin}:${process.env.PATH}`, HOME: folder.path, XDG_DATA_HOME: "", DOCKER_CONFIG: "", REGISTRY_AUTH_FILE: "" };
  const said: Record<string, string> = {};
  for (const name of page.names()) {
    const script = page.text(name).replaceAll("registry.example", locked.host);
    const run = await startProcess("sh", ["-ec", script], { name, cwd: folder.path, env });
    const { code } = await run.exited;
    assert.equal(code, 0, `${name}:\n${run.logs()}`);
    said[name] = run.logs();
  }
  assert.deepEqual(page.names(), ["local", "login", "push", "told", "again", "inspect", "sign", "file", "copy", "remove"]);
  const digest = /digest {2}(sha256:\w+)/.exec(said.push ?? "")?.[1] ?? "none";
  assert.match(said.push ?? "", /^0\.1$/m);
  assert.ok(said.again?.split(digest).length === 4, said.again);
  assert.match(said.inspect ?? "", /note: .* of this machine.*loads/s);
  assert.match(said.sign ?? "", /^signed by key \w{12}\n.*loads/m);
  assert.equal(said.copy?.split(digest).length, 9, said.copy);
  assert.match(said.remove ?? "", new RegExp(`untagged .*\\ndeleted ${digest}\\nlogged out of ${locked.host}`));
  assert.deepEqual(readFileSync(join(folder.path, "copy.wasm")), world.good);
});
