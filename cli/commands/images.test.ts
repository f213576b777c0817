import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createArtifact, openLocalImages, parseReference } from "../../oci/index.ts";
import { moduleFolder } from "../testing/modules.ts";
import { runWeir } from "../testing/weir.ts";

let world: Awaited<ReturnType<typeof moduleFolder>>;

before(async () => {
  world = await moduleFolder();
});

after(() => world.remove());

/** A home with these images, each the good module with another annotation. */
async function home(...references: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(world.dir, "home-"));
  const images = openLocalImages(join(folder, ".local/share/weir/images"));
  for (const [index, text] of references.entries()) {
    const reference = parseReference(text);
    assert.ok(reference.ok && reference.value.kind === "registry");
    const put = await images.put(reference.value, createArtifact(world.good, { annotations: { index: String(index) } }));
    assert.ok(put.ok);
  }
  return folder;
}

test("images of this machine are listed, inspected, verified, completed and removed without a registry", async () => {
  const folder = await home("r.example/me/f:1", "r.example/me/f:dev", "r.example/me/f:dev");
  const weir = (argv: readonly string[], given: Parameters<typeof runWeir>[2] = {}) => runWeir(folder, argv, given);
  const listed = await weir(["list"], { now: Date.now() + 180_500 });
  assert.match(
    listed.out,
    /^REPOSITORY +TAG +DIGEST +SIZE +AGE\nr\.example\/me\/f +1 +[0-9a-f]{12} +[\d.]+ \w+ +3m\w*\nr\.example\/me\/f +dev +.*\nr\.example\/me\/f +<none> /,
  );
  const documents = JSON.parse((await weir(["list", "-o", "json"])).out);
  assert.deepEqual(
    documents.map(({ reference }: { reference: string }) => reference.replace(/@.*/, "@")),
    ["r.example/me/f:1", "r.example/me/f:dev", "r.example/me/f@"],
  );
  const inspected = await weir(["inspect", "r.example/me/f:1"], { now: Date.parse(documents[0].added) + 60_500 });
  assert.match(inspected.out, new RegExp(`digest {2}${documents[0].digest}`));
  assert.match(
    inspected.err,
    /^note: r\.example\/me\/f:1 is the image [0-9a-f]{12} of this machine, added 60s ago; --remote asks the registry\n$/,
  );
  assert.equal((await weir(["verify", "r.example/me/f:dev"])).status, 0);
  assert.match((await weir(["__complete", "rmi", ""])).out, /^r\.example\/me\/f:1\t[0-9a-f]{12}$/m);
  assert.match((await weir(["__complete", "rmi", "r.example/me/f:1", "r.example/me/f:d"])).out, /^r\.example\/me\/f:dev\t/);
  const removed = await weir(["rmi", "nowhere", documents[2].digest.slice(7, 19), "r.example/me/f:1", "also-nowhere"]);
  assert.equal(removed.status, 1);
  assert.equal(removed.out.match(/^deleted sha256:/gm)?.length, 2);
  assert.match(removed.err, /"nowhere"; weir list.*"also-nowhere"/);
  const nothing = await runWeir(await home(), ["list"]);
  assert.deepEqual([nothing.status, nothing.out], [0, ""]);
  assert.match(nothing.err, /^note: there are no images on this machine; weir build -t or weir pull brings one\n$/);
});

test("what is missing or wrong on the line is named", async () => {
  const folder = await home();
  for (const [argv, says] of [
    [["push"], /REF is missing: registry\/repository:tag/],
    [["push", join(world.dir, "good.wasm")], /REF is missing: .* is a file\)/],
    [["push", "a", "b", "c"], /unexpected argument "c"/],
    [["rmi"], /REF is missing: /],
    [["rmi", "a:1", ""], /REF is empty: /],
    [["login"], /REGISTRY is missing/],
    [["login", "r.example"], /-u is missing: .*no terminal/],
    [["login", "r.example", "-u", "robot"], /--password-stdin is missing: there is no terminal/],
    [["login", "r.example", "-u", "a:b", "--password-stdin"], /a user name holds no colon/],
    [["login", "r.example", "-u", "robot", "--password-stdin"], /the password is empty/],
    [["login", "name"], /"name", which is no host/],
    [["login", "r.example/team"], /name the registry alone/],
    [["logout", "a b"], /which is no host/],
    [["login", "r.example", "--password", "x"], /unknown flag --password/],
  ] as const) {
    const { status, err } = await runWeir(folder, argv, { input: "" });
    assert.equal(status, 2, argv.join(" "));
    assert.match(err, says);
  }
});
