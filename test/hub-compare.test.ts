import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { pushModule } from "../oci/index.ts";
import { findBarriers, openPage, startBrowser } from "./support/browser.ts";
import { startDeltaProxy } from "./support/delta-proxy.ts";
import { eventually } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { headerFilter } from "./support/wat.ts";
import { startWeir, type Weir } from "./support/weir.ts";

const IMAGE = "oci-layout:images:1";

/** A Weir with a folder of its own: the filter `mark` in some namespaces, each with a proxy that takes it. `value`: what the module under the one tag does there. */
async function start(
  t: TestContext,
  value: string,
  namespaces: readonly string[],
  flags: readonly string[] = [],
): Promise<Weir & { release(value: string): Promise<void> }> {
  const { path: folder, remove } = await createTempFolder("compare");
  t.after(remove);
  await mkdir(join(folder, "filters"));
  const release = async (next: string) => {
    const pushed = await pushModule(IMAGE, await headerFilter({ name: "x-weir", value: next }), {
      keychain: new Map(),
      layoutBase: folder,
    });
    assert.ok(pushed.ok);
  };
  await release(value);
  const write = (namespace: string) =>
    writeFile(
      join(folder, "filters", `${namespace}.json`),
      JSON.stringify({
        apiVersion: "weir.dev/v1alpha1",
        kind: "WasmFilter",
        metadata: { name: "mark", namespace },
        spec: { image: IMAGE },
      }),
    );
  const server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder, flags: [...flags] });
  t.after(server.stop);
  for (const namespace of namespaces) {
    const proxy = startDeltaProxy(server.xdsPort, { id: "web-1", namespace, filterChain: true, names: ["weir/default"] });
    t.after(() => proxy.close());
    // One after the other: each namespace has what the tag was then.
    await write(namespace);
    await eventually(`the proxy of ${namespace}`, async () => runs(server, namespace), 30_000);
    await release(`${value}-${namespace}`);
  }
  return { ...server, release };
}

async function runs(server: Weir, namespace: string): Promise<boolean> {
  const found = (await (await fetch(`${server.url}/api/v1/fleet?namespace=${namespace}&state=updated`)).json()) as { groups: unknown[] };
  return found.groups.length === 1;
}

describe("environments side by side, in a real Chromium, on two real Weirs", { timeout: 240_000 }, () => {
  test("what differs is seen, one tag with two digests is told, and another cluster that goes away stays with its age", async (t) => {
    const eu = await start(t, "eu", ["shop"]);
    const here = await start(t, "here", ["shop", "test"], ["--other", `eu=${eu.url}`]);
    const browser = await startBrowser(t);
    const { page, problems } = await openPage(browser, { viewport: { width: 1280, height: 800 } });
    await page.goto(`${here.url}/fleet`);
    await page.getByRole("heading", { name: "Version by environment" }).waitFor();
    await page.getByRole("link", { name: "Compare environments" }).click();
    await page.getByRole("columnheader", { name: "eu: shop" }).waitFor();

    // As a person chooses, with the keyboard.
    await page.getByLabel("This").selectOption("here/shop");
    await page.getByLabel("with").selectOption("here/test");
    await page.getByRole("button", { name: "Compare" }).press("Enter");
    await page.waitForURL(/a=here%2Fshop&b=here%2Ftest/);
    await page.getByText("one tag, two digests:").waitFor();
    assert.match((await page.locator("main").textContent()) ?? "", /0 the same/);
    const chosen = await page.getByLabel("with").inputValue();
    assert.equal(chosen, "here/test");

    const paths = ["/compare", "/compare?a=here/shop&b=here/test", "/compare?a=here/shop&b=eu/shop", "/compare?a=here/&b=eu/", "/fleet"];
    const { page: plain } = await openPage(browser, { javaScriptEnabled: false });
    for (const path of paths) {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await page.goto(`${here.url}${path}`);
        assert.deepEqual(await findBarriers(page), [], `${path}, ${colorScheme}`);
      }
      await plain.goto(`${here.url}${path}`);
      const [without, with_] = await Promise.all(
        [plain, page].map(async (one) => ((await one.locator("main").textContent()) ?? "").replaceAll(/\d+\w* ago/g, "ago")),
      );
      assert.equal(without, with_, path);
    }

    await eu.stop();
    await page.goto(`${here.url}/compare?a=here/shop&b=eu/shop`);
    await page.getByText("does not answer").waitFor({ timeout: 20_000 });
    const told = (await page.locator("main").textContent()) ?? "";
    assert.match(told, /it cannot be reached/);
    assert.match(told, /ago/);
    await page.getByRole("columnheader", { name: "eu: shop" }).waitFor();
    assert.deepEqual(problems, []);
  });
});
