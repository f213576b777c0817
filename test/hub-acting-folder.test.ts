import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pushModule } from "../oci/index.ts";
import { openPage, startBrowser } from "./support/browser.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir } from "./support/weir.ts";

const [ALICE, BOB, READER] = ["alice-0123456789abcdef", "bob-0123456789abcdefgh", "reader-0123456789abcde"];
const TOKENS = `
- {token: ${ALICE}, role: editor, name: alice}
- {token: ${BOB}, role: editor, name: bob, namespace: bank}
- {token: ${READER}, role: reader}
`;
const PATH = "/filters/default/add-header";

const manifest = (tag: string) => `# The team's filter.
apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata:
  name: add-header # as everybody calls it
spec:
  image: oci-layout:images:${tag} # released on Mondays
`;

test("without a cluster an editor of the token file changes the manifest, comments kept; others may not", {
  timeout: 240_000,
}, async (t) => {
  const folder = await createTempFolder("acting-folder");
  t.after(folder.remove);
  const at = (name: string) => join(folder.path, name);
  await mkdir(at("filters"));
  for (const tag of ["one", "two"]) {
    const pushed = await pushModule(`oci-layout:images:${tag}`, await headerFilter({ name: "x-weir", value: tag }), {
      keychain: new Map(),
      layoutBase: folder.path,
    });
    assert.ok(pushed.ok, JSON.stringify(pushed));
  }
  await writeFile(at("filters/add-header.yaml"), manifest("one"));
  await writeFile(at("tokens.yaml"), TOKENS, { mode: 0o600 });
  const flags = ["--token-auth-file", at("tokens.yaml")];
  const server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder.path, flags, token: READER });
  t.after(server.stop);
  const serves = (revision: number) =>
    server.until(`revision ${revision}`, "add-header", ({ status }) => status?.stableRevision === revision);
  const { status: first } = await serves(1);
  await writeFile(at("filters/add-header.yaml"), manifest("two"));
  await serves(2);

  const { page, problems } = await openPage(await startBrowser(t));
  const refused = await page.goto(`${server.url}${PATH}`);
  assert.equal(refused?.status(), 401);
  await page.getByLabel("Token").fill(ALICE);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${server.url}${PATH}`);
  await page.getByRole("link", { name: "Roll back" }).click();
  await page.getByLabel("Why").fill("INC-2291");
  await page.getByRole("button", { name: "Roll back" }).click();
  await page.getByRole("status").getByText("Roll back").waitFor();
  await serves(1);
  const expected = manifest("two")
    .replace("# as everybody calls it\n", '# as everybody calls it\n  annotations:\n    weir.dev/change-cause: "INC-2291"\n')
    .replace("# released on Mondays\n", `# released on Mondays\n  digest: "${first?.digest}"\n`);
  assert.equal(await readFile(at("filters/add-header.yaml"), "utf8"), expected);
  // What the browser says of the first page, which it was refused.
  assert.deepEqual(
    problems.filter((problem) => !problem.includes("401")),
    [],
  );

  const post = async (token: string) => {
    const headers = { origin: server.url, authorization: `Bearer ${token}`, "content-type": "application/x-www-form-urlencoded" };
    const answer = await fetch(`${server.url}${PATH}/act/unpin`, { method: "POST", headers, body: "seen=x&cause=y", redirect: "manual" });
    return `${answer.status} ${((await answer.json()) as { error: { message: string } }).error.message}`;
  };
  assert.match(await post(READER), /^403 a reader of the token file may read, and change nothing; it needs an entry with `role: editor`/);
  assert.equal(await post(BOB), "403 bob may change filters of namespace bank alone");
  assert.match(await post(ALICE), /^409 the filter is no more as this page showed it/);
  assert.match(await post("nobody-0123456789abcdef"), /^401 the token is none of --token-auth-file/);
  assert.equal(await readFile(at("filters/add-header.yaml"), "utf8"), expected);
  for (const token of [ALICE, BOB, READER]) assert.ok(!server.logs().includes(token));
});
