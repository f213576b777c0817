import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { runWeir } from "../cli/testing/weir.ts";
import { pushModule } from "../oci/index.ts";
import { eventually } from "./support/process.ts";
import { type Registry, startRegistry } from "./support/registry.ts";
import { createSnippets } from "./support/snippets.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { badModules, headerFilter } from "./support/wat.ts";
import { condition, startWeir, type Weir } from "./support/weir.ts";

/** From one image to another, and from one namespace to another, with a real registry and a real server. */

let registry: Registry;
let server: Weir;
let folder: Awaited<ReturnType<typeof createTempFolder>>;
let filters: string;
let page: Awaited<ReturnType<typeof createSnippets>>;
const digests = new Map<string, string>();
const MEMBERS = ["a", "b", "c", "d"];

const file = (namespace: string, name: string) => join(filters, `${namespace}-${name}.yaml`);
const image = (tag: string) => `${registry.host}/filters/f:${tag}`;

async function write(namespace: string, name: string, tag: string): Promise<void> {
  const labels = `labels: {team: ${name === "d" ? "other" : "shop"}}`;
  const head = `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: ${name}, namespace: ${namespace}, ${labels}}\n`;
  await writeFile(file(namespace, name), `${head}spec:\n  image: ${image(tag)} # as the team wrote it\n`);
}

/** The commands of a block of docs/promotion.md, as words after `weir`. */
function documented(name: string): string[][] {
  const script = page
    .text(name)
    .replaceAll("registry.example/filters/auth:1.2", image("one"))
    .replaceAll("registry.example/filters/auth:1.3", image("two"));
  const lines = script.replaceAll("add-header", "a").trim().split("\n");
  return lines.map((line) => line.split(" ").slice(1));
}

const weir = (...argv: string[]) => runWeir(folder.path, [...argv, "--filters", filters, "--server", server.url]);

const ready = (name: string, namespace: string) =>
  eventually(
    `${namespace}/${name} to be ready`,
    async () => {
      const { items } = (await (await fetch(`${server.url}/api/v1/filters`)).json()) as {
        items: NonNullable<Awaited<ReturnType<Weir["filter"]>>>[];
      };
      const found = items.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace);
      return condition(found, "Ready").startsWith("True") ? found : undefined;
    },
    60_000,
  );

before(async () => {
  [registry, folder, page] = await Promise.all([startRegistry(), createTempFolder("promote"), createSnippets("promotion")]);
  filters = join(folder.path, "filters");
  await mkdir(filters);
  const modules = { one: "1", two: "2", bad: undefined };
  for (const [tag, value] of Object.entries(modules)) {
    const module = value === undefined ? await badModules.missingImport() : await headerFilter({ name: "x-weir", value });
    const pushed = await pushModule(image(tag), module, { keychain: new Map() });
    assert.ok(pushed.ok);
    digests.set(tag, pushed.value.digest);
  }
  await write("staging", "a", "two");
  await write("prod", "a", "one");
  for (const name of MEMBERS) await write("shop", name, "one");
  server = await startWeir({ source: ["--filters", filters], data: join(folder.path, "data") });
  for (const [name, namespace] of [["a", "staging"], ["a", "prod"], ...MEMBERS.map((member) => [member, "shop"])])
    await ready(name ?? "", namespace ?? "");
});

after(async () => {
  await server?.stop();
  await Promise.all([registry?.stop(), folder?.remove()]);
});

describe("weir promote", () => {
  test("shows, and with --apply pins, in the other namespace what this one runs", async () => {
    const before = await readFile(file("prod", "a"), "utf8");
    const [show, apply] = documented("promote");
    assert.ok(show && apply);
    const shown = await weir(...show);
    assert.equal(shown.status, 0, shown.err);
    assert.match(
      shown.out,
      new RegExp(`^WasmFilter prod/a: what staging runs as revision 1\\n  spec:\\n\\+   digest: ${digests.get("two")}\\n$`),
    );
    assert.match(shown.err, /nothing was changed; --apply does it/);
    assert.equal(await readFile(file("prod", "a"), "utf8"), before);
    const done = JSON.parse((await weir(...apply, "-o", "json")).out);
    assert.deepEqual([done.digest, done.before, done.applied], [digests.get("two"), null, true]);
    assert.equal(await readFile(file("prod", "a"), "utf8"), `${before}  digest: "${digests.get("two")}"\n`);
    await eventually("the digest in production", async () => (await ready("a", "prod")).status?.digest === digests.get("two"), 60_000);
    assert.match(
      (await weir("promote", "a", "--from", "staging", "--to", "prod", "--apply")).out,
      /is pinned to what staging runs .* already/,
    );
  });

  test("is refused for what is not there, and for words that mean something else", async () => {
    assert.match((await weir("promote", "b", "--from", "staging", "--to", "prod")).err, /holds WasmFilter staging\/b/);
    assert.match((await weir("promote", "a", "--from", "prod", "--to", "prod")).err, /the same namespace/);
    assert.match((await weir("promote", "x/a", "--from", "staging", "--to", "prod")).err, /NAME has no namespace here/);
  });
});

describe("weir bump", () => {
  test("changes nothing where preflight refuses the new image for one of the filters", async () => {
    const before = await readFile(file("shop", "a"), "utf8");
    const done = await weir("bump", "--base", image("one"), "--to", image("bad"), "-n", "shop", "--yes");
    assert.equal(done.status, 1);
    assert.match(done.err, /4 of 4 filters would be refused or would wait: shop\/a: .*; nothing was changed/);
    assert.equal(await readFile(file("shop", "a"), "utf8"), before);
    assert.match((await weir("bump", "--base", image("one"), "--to", image("two"), "-n", "shop")).err, /--yes goes on after the plan/);
    assert.match(
      (await weir("bump", "--base", image("gone"), "--to", image("two"), "-n", "shop", "-y")).err,
      /no filter of namespace shop is on/,
    );
  });

  test("moves the selected filters in waves, each when the one before is in force, and leaves the others", {
    timeout: 120_000,
  }, async () => {
    const done = await weir(...(documented("bump")[0] ?? []), "--waves", "1,100%");
    assert.equal(done.status, 0, done.err);
    assert.match(
      done.out,
      /wave 1 of 2: 1 of 3 filters\n {2}shop\/a is in force\nwave 2 of 2: 2 of 3 filters\n {2}shop\/[bc] is in force\n {2}shop\/[bc] is in force\n$/,
    );
    for (const name of ["a", "b", "c"]) {
      assert.match(await readFile(file("shop", name), "utf8"), /image: \S+:two"? # as the team wrote it\n$/);
      assert.equal((await ready(name, "shop")).status?.digest, digests.get("two"));
    }
    assert.match(await readFile(file("shop", "d"), "utf8"), /:one #/);
  });

  test("takes a pin to the old image away, and tells how to go back when it stops", async () => {
    await weir("rollback", "d", "--to", digests.get("one") ?? "", "-n", "shop");
    assert.match(await readFile(file("shop", "d"), "utf8"), /digest: /);
    const argv = ["--base", image("one"), "--to", image("two"), "-n", "shop", "--yes"];
    const stopped = await weir("bump", ...argv, "--timeout", "0s");
    assert.equal(stopped.status, 1);
    assert.match(
      stopped.err,
      /1 filter is not in force after 0s: shop\/d \([^)]+\); 1 of 1 filter moved, which stays so: weir bump --base \S+two --to \S+one takes them back/,
    );
    assert.doesNotMatch(await readFile(file("shop", "d"), "utf8"), /digest: /);
    await eventually("the new digest", async () => (await ready("d", "shop")).status?.digest === digests.get("two"), 60_000);
  });
});
