import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { median } from "../bench/processes.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { findBarriers, openPage, startBrowser } from "./support/browser.ts";
import { startRolloutScene } from "./support/rollout-scene.ts";

/** Changes whose way to the screen is measured. */
const CHANGES = 50;

describe("the pages in a real Chromium, on a real Weir with real Envoys", { timeout: 420_000 }, () => {
  test("a rollout and a refusal are seen live; nothing is in the way of anybody; without a script the pages are whole", async (t) => {
    const scene = await startRolloutScene({
      proxies: 3,
      pauseMs: 100,
      rollout: { steps: [{ percent: 100 }], analysis: { minRequests: 5 } },
    });
    t.after(scene.stop);
    const { server, release, outcome } = scene;
    const browser = await startBrowser(t);
    const { page, problems } = await openPage(browser, { viewport: { width: 1280, height: 800 } });
    const ns = (await server.filter("rolling"))?.metadata.namespace ?? "";

    // From the overview to the filter, as a person goes.
    await page.goto(`${server.url}/`);
    await page.getByText("nothing waits for a person").waitFor();
    await page.getByRole("link", { name: "Filters", exact: true }).click();
    await page.getByRole("link", { name: /rolling/ }).click();
    await page.getByRole("heading", { name: /rolling/ }).waitFor();
    assert.equal(new URL(page.url()).pathname, `/filters/${ns}/rolling`);

    // A page that is open shows what comes, without being loaded again.
    await page.evaluate("globalThis.isSamePage = true");
    const good = await release(2, "good");
    assert.equal(await outcome(good), "Succeeded");
    await page.getByRole("rowheader", { name: "2 serves" }).waitFor();
    const bad = await release(3, "refusesOnProxy");
    assert.equal(await outcome(bad), "RolledBack");
    await page.getByText("rolled back").first().waitFor();
    await page.getByRole("rowheader", { name: "3", exact: true }).waitFor();
    assert.equal(await page.evaluate("globalThis.isSamePage"), true);
    await page.goto(`${server.url}/`);
    await page.locator(".alerts").getByText("failed").waitFor();

    const digest = (await server.filter("rolling"))?.status?.wasmDigest;
    const paths = [
      "/",
      "/filters",
      `/filters/${ns}/rolling`,
      `/filters/${ns}/rolling/diff?from=1&to=2`,
      "/fleet",
      `/fleet/proxy?namespace=${ns}&id=edge-1`,
      `/digests/${digest}`,
      "/history",
    ];
    await eachIsForEverybody(page, server.url, paths);
    assert.deepEqual(problems, []);

    const { page: plain } = await openPage(browser, { javaScriptEnabled: false });
    for (const path of paths) {
      await plain.goto(`${server.url}${path}`);
      await page.goto(`${server.url}${path}`);
      const [without, with_] = await Promise.all(
        [plain, page].map(async (one) => ((await one.locator("main").textContent()) ?? "").replaceAll(/\d+\w* ago/g, "ago")),
      );
      assert.equal(without, with_, path);
    }
    await keyboard(page, server.url);
    t.diagnostic(`from a change to the screen: ${await measure(page, scene)}`);
    assert.deepEqual(problems, []);
  });
});

/** Whatever colours a person prefers. The pictures of the documentation are made here when they are asked for. */
async function eachIsForEverybody(page: Page, url: string, paths: readonly string[]): Promise<void> {
  const folder = process.env.WEIR_SCREENSHOTS === undefined ? undefined : join(ROOT, "docs/images");
  if (folder !== undefined) await mkdir(folder, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const path of paths) {
      await page.goto(`${url}${path}`);
      assert.deepEqual(await findBarriers(page), [], `${path}, ${colorScheme}`);
      const name =
        { "/": "overview", "/filters": "filters", "/fleet": "fleet" }[path] ?? (path.endsWith("/rolling") ? "filter" : undefined);
      if (folder !== undefined && name !== undefined) await page.screenshot({ path: join(folder, `hub-${name}-${colorScheme}.png`) });
    }
  }
}

/** Everything is reached without a mouse. */
async function keyboard(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/fleet`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate("document.activeElement.textContent"), "Skip to the content");
  await page.keyboard.press("/");
  await page.keyboard.type("edge-1");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/fleet\?q=edge-1/);
  await page.getByRole("link", { name: /edge-1/ }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: /edge-1/ }).waitFor();
}

/** Milliseconds from the moment at which the server told of a change until the page that shows it was painted. */
async function measure(page: Page, { server, release, outcome }: Awaited<ReturnType<typeof startRolloutScene>>): Promise<string> {
  await page.goto(`${server.url}/history`);
  await page.evaluate(`
    globalThis.painted = [];
    let told;
    new EventSource("/api/v1/events").addEventListener("change", () => { told ??= performance.now(); });
    new MutationObserver(() => requestAnimationFrame(() => {
      if (told !== undefined) painted.push(performance.now() - told);
      told = undefined;
    })).observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true, attributes: true });
  `);
  for (let number = 10; number < 10 + CHANGES; number++) assert.equal(await outcome(await release(number, "good")), "Succeeded");
  const times = (await page.evaluate("painted")) as number[];
  assert.ok(times.length >= CHANGES, `${times.length} changes were painted`);
  return `median of ${times.length}: ${median(times).toFixed(0)} ms, at most ${Math.max(...times).toFixed(0)} ms`;
}
