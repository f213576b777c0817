import assert from "node:assert/strict";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { type PushOptions, parseDockerConfig, pushModule } from "../oci/index.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { localBootstrap } from "./support/bootstrap.ts";
import { findBarriers, openPage, startBrowser } from "./support/browser.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { startEnvoy } from "./support/envoy.ts";
import { type Fault, faultyFilter } from "./support/faulty.ts";
import { eventually } from "./support/process.ts";
import { startRegistry } from "./support/registry.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { startWeir } from "./support/weir.ts";

const LOGIN = { username: "weir", password: "the operator's own" };

const README = `# add-header

Adds a header to each answer. See the [documentation](https://example.org/docs).

| key | means |
| --- | --- |
| \`name\` | the header's name |

\`\`\`json
{"name": "x-weir", "value": "1"}
\`\`\`
`;

/** What a stranger may write where there is room for words, as a README. */
const HOSTILE_README = `# <script>globalThis.ran = 1</script> \u202Egnp.exe

<img src="https://evil.example/x.png" onerror="globalThis.ran = 1"><iframe src="https://evil.example"></iframe>
<style>* { display: none }</style>

[a script](javascript:globalThis.ran=1) [data](data:text/html,<script>globalThis.ran=1</script>) ![picture](https://evil.example/p.png)
&#x202e; &lt;script&gt; \`<script>globalThis.ran = 1</script>\` ${"[".repeat(3_000)} ${"> ".repeat(100)}

<a href="javascript:globalThis.ran=1" onclick="globalThis.ran=1">click</a>

###### [![](https://evil.example/badge)](https://evil.example)
`;

const HOSTILE = `<script>globalThis.ran = 1</script>"'><img src=x onerror=globalThis.ran=1>\u202Egnp.exe\u0007`;

const HOSTILE_ANNOTATIONS = {
  "org.opencontainers.image.title": HOSTILE,
  "org.opencontainers.image.description": HOSTILE,
  "org.opencontainers.image.licenses": HOSTILE,
  "org.opencontainers.image.vendor": HOSTILE,
  "org.opencontainers.image.created": HOSTILE,
  "org.opencontainers.image.source": "javascript:globalThis.ran=1",
  "io.artifacthub.package.keywords": `${HOSTILE},fine`,
  "io.artifacthub.package.readme-url": "https://evil.example/README.md",
  [HOSTILE]: HOSTILE,
};

const ANNOTATIONS = {
  "org.opencontainers.image.title": "Add a header",
  "org.opencontainers.image.description": "Adds, replaces or removes headers by rules",
  "org.opencontainers.image.licenses": "Apache-2.0",
  "org.opencontainers.image.vendor": "Shop Platform",
  "org.opencontainers.image.source": "https://example.org/filters",
  "dev.weir.module.keywords": "headers,tracing",
};

describe("the catalog in a real Chromium, of a real registry, on a real Weir with a real Envoy", { timeout: 480_000 }, () => {
  test("browse, copy the manifest, apply it, watch its rollout, see a refusal; nothing of strangers runs", async (t) => {
    const scene = await startCatalogScene(t);
    const { server, host, apply } = scene;
    const browser = await startBrowser(t);
    const { page, problems } = await openPage(browser, { viewport: { width: 1280, height: 900 } });
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: server.url });

    // A filter is found by what it says of itself.
    await page.goto(`${server.url}/`);
    await page.getByRole("link", { name: "Catalog", exact: true }).click();
    await page.getByText("Adds, replaces or removes headers by rules").waitFor();
    await page.getByRole("link", { name: "tracing 1" }).click();
    assert.deepEqual(await page.locator("tbody th").allTextContents(), [`${host}/filters/add-header`]);
    await page.getByRole("link", { name: "add-header", exact: true }).click();
    await page.getByRole("heading", { name: "README of 1.1.0" }).waitFor();
    await page.getByRole("cell", { name: "the header's name" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "documentation" }).first().getAttribute("href"), "https://example.org/docs");

    // Its manifest is taken along and applied; the page tells what comes of it.
    await page.getByRole("link", { name: "1.0.0", exact: true }).click();
    await page.getByRole("heading", { name: "README of 1.0.0" }).waitFor();
    const why = "\n  annotations: {weir.dev/change-cause: to try it}\n";
    await apply((await copyManifest(page)).replace("\nspec:", `${why}spec:`));
    await page.getByText("loads").waitFor();
    await page.goto(`${server.url}/filters/default/add-header`);
    await page.getByText("1 of 1 proxy updated").waitFor({ timeout: 60_000 });
    // A revision that just went out is watched: by which numbers, what comes next, and why it was made.
    await page.getByRole("heading", { name: "What the judge sees" }).waitFor();
    await page.getByText("Next: the watch ends").waitFor();
    await page.getByRole("cell", { name: "“to try it”" }).waitFor();
    assert.equal((await get(scene.port)).headers["x-weir"], "one");
    await page.goto(`${server.url}/catalog/${host}/filters/add-header?tag=1.1.0`);
    await apply(await copyManifest(page));
    await page.goto(`${server.url}/filters/default/add-header`);
    await page.getByRole("heading", { name: "Refused" }).waitFor({ timeout: 60_000 });
    assert.equal((await get(scene.port)).headers["x-weir"], "one");

    const paths = [
      "/catalog",
      "/catalog?keyword=fine",
      `/catalog/owners/${host}/filters`,
      `/catalog/${host}/filters/add-header?tag=1.0.0`,
      `/catalog/${host}/strangers/hostile`,
      `/catalog/${host}/private/secret`,
      `/catalog/${host}/strangers/nothing`,
    ];
    await eachIsForEverybody(page, server.url, paths);
    await nothingRan(page, server.url, host);
    await theSameWithoutScript(await openPage(browser, { javaScriptEnabled: false }), page, server.url, paths);
    assert.deepEqual(problems, []);

    // What only a filter names is not read for everybody: its README could be for those alone who have its credentials.
    const secret = await (await fetch(`${server.url}/catalog/${host}/private/secret`)).text();
    assert.match(secret, /its registry is not read for the catalog/);
    assert.match(secret, /default\/<\/span><b>secret<\/b>/);
    assert.doesNotMatch(secret, /only for those who may/);
    assert.equal((await fetch(`${server.url}/catalog/${host}/private/other`)).status, 404);
  });
});

async function startCatalogScene(t: TestContext) {
  const folder = await createTempFolder("catalog");
  t.after(folder.remove);
  const registry = await startRegistry({ auth: LOGIN });
  t.after(registry.stop);
  const { host } = registry;
  const auth = JSON.stringify({ auths: { [host]: { auth: Buffer.from(`${LOGIN.username}:${LOGIN.password}`).toString("base64") } } });
  const keychain = parseDockerConfig(auth);
  assert.ok(keychain.ok);
  const push = async (name: string, fault: Fault, value: string, options: Partial<PushOptions>) => {
    const pushed = await pushModule(`${host}/${name}`, await faultyFilter(fault, value), { keychain: keychain.value, ...options });
    assert.ok(pushed.ok, pushed.ok ? "" : pushed.error.message);
  };
  const readme = (text: string) => new TextEncoder().encode(text);
  const created = "2026-01-01T00:00:00Z";
  const annotations = { ...ANNOTATIONS, "org.opencontainers.image.created": created };
  const sbom = { mediaType: "application/spdx+json", bytes: readme('{"spdxVersion":"SPDX-2.3"}') };
  const about = { annotations, readme: readme(README), attached: [sbom] };
  await push("filters/add-header:1.0.0", "good", "one", { ...about, tags: ["1.0", "1"] });
  await push("filters/add-header:1.1.0", "refusesOnProxy", "two", about);
  const limit = {
    "org.opencontainers.image.title": "Limit requests",
    "org.opencontainers.image.description": "Answers 429 to clients that ask too often",
  };
  await push("filters/rate-limit:2.1.0", "good", "limit", {
    annotations: { ...ANNOTATIONS, ...limit, "dev.weir.module.keywords": "limits" },
  });
  await push("strangers/hostile:1", "good", "hostile", { annotations: HOSTILE_ANNOTATIONS, readme: readme(HOSTILE_README) });
  await push("private/secret:1", "good", "secret", { readme: readme("only for those who may") });

  await mkdir(join(folder.path, "filters"));
  await writeFile(join(folder.path, "auth.json"), auth, { mode: 0o600 });
  const apply = async (manifest: string, name = "filter") => {
    await writeFile(join(folder.path, "new"), manifest);
    await rename(join(folder.path, "new"), join(folder.path, "filters", `${name}.yaml`));
  };
  const secret = { image: `${host}/private/secret:1`, selector: { matchLabels: { none: "such" } } };
  await apply(
    JSON.stringify({ apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "secret" }, spec: secret }),
    "secret",
  );
  const shown = ["filters/add-header", "filters/rate-limit", "strangers/hostile", "strangers/nothing"].flatMap((name) => [
    "--catalog",
    `${host}/${name}`,
  ]);
  const flags = [...shown, "--registry-auth-file", join(folder.path, "auth.json")];
  const server = await startWeir({ source: ["--filters", "filters"], data: "data", cwd: folder.path, flags });
  t.after(server.stop);
  const app = await startEchoApp();
  t.after(app.stop);
  const config = localBootstrap({ node: "edge-0", xdsPort: server.xdsPort, appPort: app.port });
  const envoy = await startEnvoy({ config, log: "warning", concurrency: 1 });
  t.after(envoy.stop);
  const port = await envoy.port();
  await eventually("its listener", async () => (await get(port)).status === 200, 30_000);
  return { server, host, apply, port };
}

/** As a person does it: by the button beside it. */
async function copyManifest(page: Page): Promise<string> {
  await page.getByRole("button", { name: "Copy" }).last().click();
  const shown = await page.locator("#copy-manifest").textContent();
  await page.locator("button.done").waitFor();
  const copied = (await page.evaluate("navigator.clipboard.readText()")) as string;
  assert.equal(copied, shown);
  return copied;
}

/** Whatever colours a person prefers. The pictures of the documentation are made here when they are asked for. */
async function eachIsForEverybody(page: Page, url: string, paths: readonly string[]): Promise<void> {
  const folder = process.env.WEIR_SCREENSHOTS === undefined ? undefined : join(ROOT, "docs/images");
  if (folder !== undefined) await mkdir(folder, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const path of paths) {
      await page.goto(`${url}${path}`);
      assert.deepEqual(await findBarriers(page), [], `${path}, ${colorScheme}`);
      const name = path.endsWith("/filters") ? "catalog" : path.endsWith("/add-header?tag=1.0.0") ? "repository" : undefined;
      if (folder !== undefined && name !== undefined) await page.screenshot({ path: join(folder, `hub-${name}-${colorScheme}.png`) });
    }
  }
}

/** What a stranger wrote is text. */
async function nothingRan(page: Page, url: string, host: string): Promise<void> {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(`${url}/catalog/${host}/strangers/hostile`);
  const shown = (await page.locator("main").textContent()) ?? "";
  assert.match(shown, /\\u202egnp\.exe/);
  assert.match(shown, /<script>globalThis\.ran = 1<\/script>/);
  assert.equal(await page.evaluate("globalThis.ran"), undefined);
  assert.equal(await page.locator("main script, main img, main iframe, main style, main [onclick], main [onerror]").count(), 0);
  const addresses = await page.locator("main a").evaluateAll((links) => links.map((link) => link.getAttribute("href") ?? ""));
  assert.deepEqual(
    addresses.filter((address) => !/^(\/|https?:)/.test(address)),
    [],
  );
  assert.deepEqual(
    asked.filter((address) => !address.startsWith(url)),
    [],
  );
}

async function theSameWithoutScript(
  { page: plain }: { readonly page: Page },
  page: Page,
  url: string,
  paths: readonly string[],
): Promise<void> {
  for (const path of paths) {
    await plain.goto(`${url}${path}`);
    await page.goto(`${url}${path}`);
    const [without, with_] = await Promise.all(
      [plain, page].map(async (one) => ((await one.locator("main").textContent()) ?? "").replaceAll(/\d+\w* ago/g, "ago")),
    );
    assert.equal(without, with_, path);
  }
}
