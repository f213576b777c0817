import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { TestContext } from "node:test";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { installChromium } from "../../scripts/tools/chromium.ts";

/** What a page would not be shown with: no news from outside, no sandbox (as root there is none). */
const ARGS = [
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--no-zygote",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** A real Chromium, which ends with the test. */
export async function startBrowser(t: TestContext): Promise<Browser> {
  const { program, env } = await installChromium();
  const browser = await chromium.launch({ executablePath: program, args: ARGS, env: { ...process.env, ...env } as Record<string, string> });
  t.after(() => browser.close());
  return browser;
}

/** A page, and what went wrong in it: errors of scripts, what the Content-Security-Policy stopped, requests that failed. */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ readonly page: Page; readonly problems: string[] }> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(String(error)));
  return { page, problems };
}

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
}

let source: Promise<string> | undefined;

/** What axe finds on the page as it is, a line each. https://github.com/dequelabs/axe-core */
export async function findBarriers(page: Page): Promise<string[]> {
  source ??= readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  // By the debugger, so that a strict Content-Security-Policy does not keep it out.
  await page.evaluate(await source);
  const violations = (await page.evaluate("axe.run().then(({ violations }) => violations)")) as Violation[];
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary = "" }) => `${id}: ${help}: ${html} ${failureSummary}`),
  );
}
