import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { ROOT } from "../scripts/tests/files.ts";
import { type ActingScene, startActingScene } from "./support/acting-scene.ts";
import { findBarriers, openPage, startBrowser } from "./support/browser.ts";
import { eventually } from "./support/process.ts";

/** People act on a filter by the pages: with rights of their own on a real API server, before real Envoys, in a real Chromium. */

const PATH = "/filters/shop/add-header";
let scene: ActingScene;

before(
  async () => {
    scene = await startActingScene();
    await scene.release("one");
    await settled("one", 1);
  },
  { timeout: 180_000 },
);

after(() => scene?.stop());

/** Waits until each proxy has the release and the status says so. */
async function settled(tag: string, revision: number): Promise<void> {
  await scene.server.until(
    `revision ${revision}`,
    "add-header",
    ({ status }) => status?.stableRevision === revision && status.rollout?.state === "Succeeded",
  );
  await eventually(`${tag} on each proxy`, async () => (await scene.marks()).every((mark) => mark === tag), 30_000);
}

async function stored() {
  return JSON.parse(await scene.run("-n", "shop", "get", "wf", "add-header", "-o", "json", "--show-managed-fields"));
}

async function signIn(page: Page, token: string): Promise<void> {
  await page.goto(`${scene.server.url}/me`);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

async function start(t: TestContext): Promise<{ browser: Browser; page: Page; problems: string[] }> {
  const browser = await startBrowser(t);
  return { browser, ...(await openPage(browser, { viewport: { width: 1280, height: 800 } })) };
}

/** Asks by hand, as curl does. */
async function post(path: string, form: Record<string, string>, headers: Record<string, string> = {}) {
  const { url } = scene.server;
  const body = new URLSearchParams(form).toString();
  const type = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await fetch(`${url}${path}`, { method: "POST", body, headers: { origin: url, ...type, ...headers }, redirect: "manual" });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** What the page of an action says that it saw. */
async function seenBy(token: string, action: string): Promise<string> {
  const html = await (await fetch(`${scene.server.url}${PATH}/act/${action}`, { headers: bearer(token) })).text();
  const [, seen] = /name="seen" value="([^"]+)"/.exec(html) ?? [];
  assert.ok(seen, html);
  return seen;
}

describe("acting by the pages", { timeout: 300_000 }, () => {
  test("a person promotes a wave and rolls back with a click, by the keyboard alone; who and why are kept", async (t) => {
    const { page, problems } = await start(t);
    const { server, tokens } = scene;
    await page.goto(`${server.url}${PATH}`);
    assert.equal(await page.getByRole("button", { name: "Roll back" }).isDisabled(), true, "nobody signed in");
    await page.getByRole("link", { name: "Sign in", exact: true }).click();
    await page.getByLabel("Token").fill(tokens.editor);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "system:serviceaccount:shop:editor" }).waitFor();
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie?.httpOnly, cookie?.sameSite, cookie?.secure], [true, "Strict", false]);
    assert.ok(!JSON.stringify(cookie).includes(tokens.editor.slice(-20)), "the cookie is no token");

    await scene.release("two");
    await server.until("the first wave", "add-header", ({ status }) => status?.rollout?.state === "Paused");
    await page.goto(`${server.url}${PATH}`);
    await page.getByRole("img", { name: "2 proxies in 2 waves" }).waitFor();
    // Updated, refused, waited for, not yet, lost.
    await page.getByRole("row", { name: "1 now 50% 1 0 0 0 0" }).waitFor();
    await page.getByRole("row", { name: "2 100% 0 0 0 1 0" }).waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await findBarriers(page), [], `waves, ${colorScheme}`);
    }
    await page.getByRole("link", { name: "Promote" }).press("Enter");
    await page.getByLabel("Why").fill("wave one looks good");
    const byItself = page.waitForRequest(
      (request) => request.headers()["weir-background"] === "true" && /done=promote/.test(request.url()),
    );
    await page.keyboard.press("Enter");
    await page.waitForURL(/done=promote/);
    await settled("two", 2);
    assert.equal((await byItself).resourceType(), "fetch", "what the open page asks for keeps nobody signed in");

    assert.match((await page.getByRole("link", { name: "go back to revision 1" }).getAttribute("href")) ?? "", /act\/rollback\?to=1$/);
    await page.getByRole("link", { name: "Roll back" }).press("Enter");
    const dialog = page.getByRole("dialog", { name: "Roll back: shop/add-header?" });
    await dialog.waitFor();
    const text = (await dialog.textContent()) ?? "";
    assert.match(text, /pinned to sha256:[a-f0-9]{64} \(revision 1\)/);
    assert.match(text, /2 proxies at once/);
    assert.match(text, /applied by Argo CD application shop-filters/);
    assert.match(text, /a dry run was taken/);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await findBarriers(page), [], `the dialog, ${colorScheme}`);
    }
    await dialog.getByLabel("To revision").selectOption("1");
    await dialog.getByRole("button", { name: "Show" }).press("Enter");
    await dialog.locator('input[name="to"][value="1"]').waitFor({ state: "attached" });
    assert.equal(new URL(page.url()).pathname, PATH, "it stands over the page of the filter");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.equal(await page.evaluate("document.activeElement.textContent"), "Roll back", "who closes it is where they were");
    await page.getByRole("link", { name: "Roll back" }).press("Enter");
    await dialog.getByRole("link", { name: "Cancel" }).press("Enter");
    await dialog.waitFor({ state: "detached" });

    // The same as a page of its own, as it is without a script.
    await page.goto(`${server.url}${PATH}/act/rollback`);
    await page.getByRole("heading", { name: "Roll back: shop/add-header?" }).waitFor();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await findBarriers(page), [], `rollback, ${colorScheme}`);
      if (process.env.WEIR_SCREENSHOTS !== undefined)
        await page.screenshot({ fullPage: true, path: join(ROOT, `docs/images/hub-rollback-${colorScheme}.png`) });
    }
    assert.equal((await stored()).spec.digest, undefined, "only looked at so far");
    await page.getByLabel("Why").fill("5xx on checkout");
    await page.getByRole("button", { name: "Roll back" }).press("Enter");
    await page.waitForURL(/done=rollback/);
    await eventually("one on each proxy", async () => (await scene.marks()).every((mark) => mark === "one"), 30_000);
    const { metadata, spec } = await stored();
    assert.match(spec.digest, /^sha256:/);
    assert.equal(metadata.annotations["weir.dev/change-cause"], "5xx on checkout");
    assert.ok(metadata.managedFields.some(({ manager }: { manager: string }) => manager === "weir-hub"));
    assert.match(server.logs(), /a person acted.*system:serviceaccount:shop:editor/);
    await page.goto(`${server.url}/history`);
    assert.ok((await page.getByRole("row", { name: /shop\/add-header .* kubectl$/ }).count()) >= 2, "who made each revision");

    await page.getByRole("link", { name: /shop:editor/ }).click();
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await findBarriers(page), [], `/me, ${colorScheme}`);
    }
    await page.getByRole("button", { name: "Sign out" }).press("Enter");
    await page.getByLabel("Token").waitFor();
    assert.deepEqual(await findBarriers(page), [], "the form");
    assert.deepEqual(await page.context().cookies(), []);
    assert.deepEqual(problems, []);
  });

  test("without a script each action is a page of its own, and done from there", async (t) => {
    const { page, problems } = await openPage(await startBrowser(t), { javaScriptEnabled: false });
    await signIn(page, scene.tokens.editor);
    await page.goto(`${scene.server.url}${PATH}`);
    await page.getByRole("link", { name: "Follow the tag again" }).click();
    await page.waitForURL(/act\/unpin$/);
    assert.equal(await page.locator("dialog").count(), 0);
    await page.getByRole("link", { name: "Cancel" }).click();
    await page.waitForURL((url) => url.pathname === PATH);
    await page.getByRole("link", { name: "Follow the tag again" }).click();
    await page.getByLabel("Why").fill("the fault is mended");
    await page.getByRole("button", { name: "Follow the tag again" }).click();
    await page.waitForURL(/done=unpin/);
    const { metadata, spec } = await stored();
    assert.deepEqual([spec.digest, metadata.annotations["weir.dev/change-cause"]], [undefined, "the fault is mended"]);
    assert.deepEqual(problems, []);
  });

  test("who may only look has no button that works, and by hand gets 403 in the API server's words", async (t) => {
    const { page } = await start(t);
    await signIn(page, scene.tokens.viewer);
    await page.goto(`${scene.server.url}${PATH}`);
    const acts = page.getByRole("region", { name: "Actions" });
    assert.equal(await acts.getByRole("link").count(), 0);
    const buttons = await acts.getByRole("button").all();
    assert.ok(buttons.length >= 6);
    for (const button of buttons) assert.equal(await button.isDisabled(), true);
    await acts.getByText("system:serviceaccount:shop:viewer may not change it").waitFor();
    const seen = await seenBy(scene.tokens.viewer, "suspend");
    const refused = await post(`${PATH}/act/suspend`, { seen, cause: "because" }, bearer(scene.tokens.viewer));
    assert.equal(refused.status, 403);
    assert.match(JSON.parse(refused.text).error.message, /User "system:serviceaccount:shop:viewer" cannot patch resource "wasmfilters"/);
    assert.equal((await stored()).spec.suspend, false);
  });

  test("a page of before gets 409, a reason must be given, and a form of another origin is refused", async () => {
    const { editor } = scene.tokens;
    const seen = await seenBy(editor, "suspend");
    await scene.run("-n", "shop", "annotate", "wf", "add-header", "weir.dev/note=changed");
    const stale = await post(`${PATH}/act/suspend`, { seen, cause: "late" }, bearer(editor));
    assert.equal(stale.status, 409);
    assert.match(stale.text, /no more as this page showed it/);
    const again = await seenBy(editor, "suspend");
    assert.equal((await post(`${PATH}/act/suspend`, { seen: again, cause: " " }, bearer(editor))).status, 400);
    const elsewhere = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => elsewhere.once("listening", resolve));
    const { port } = elsewhere.address() as { port: number };
    elsewhere.close();
    for (const origin of [`http://127.0.0.1:${port}`, "null"]) {
      const crossed = await post(`${PATH}/act/suspend`, { seen: again, cause: "x" }, { ...bearer(editor), origin });
      assert.deepEqual([crossed.status, JSON.parse(crossed.text).error.reason], [403, "CrossOrigin"]);
      assert.equal((await post("/me", { token: editor }, { origin })).status, 403);
    }
    assert.equal((await stored()).spec.suspend, false);
    assert.equal((await post(`${PATH}/act/suspend`, { seen: again, cause: "a freeze" }, bearer(editor))).status, 303);
    assert.equal((await stored()).spec.suspend, true);
  });

  test("tokens that are none are refused and slowed down; none is in a log, a page or an address", async () => {
    const { viewer, editor } = scene.tokens;
    assert.equal((await post("/me", { token: viewer })).status, 303);
    const statuses: number[] = [];
    for (let number = 0; number < 14; number++) statuses.push((await post("/me", { token: `none-${number}` })).status);
    assert.deepEqual([...new Set(statuses)], [401, 429]);
    const signedIn = await post("/me", { token: viewer, to: "//elsewhere.example/" });
    assert.deepEqual([signedIn.status, signedIn.headers.get("location")], [303, "/me"], "who is known is not slowed down");
    const pages = await Promise.all(
      ["/me", PATH, `${PATH}/act/unpin`].map(async (path) =>
        (await fetch(`${scene.server.url}${path}`, { headers: bearer(editor) })).text(),
      ),
    );
    for (const token of [viewer, editor])
      for (const part of token.split(".")) {
        assert.ok(!scene.server.logs().includes(part), "the log");
        for (const page of pages) assert.ok(!page.includes(part), "a page");
      }
    assert.equal((await post("/me", { token: "x".repeat(20_000) })).status, 413);
  });
});
