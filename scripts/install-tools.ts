import { installChromium } from "./tools/chromium.ts";
import { installDebianParts } from "./tools/debian.ts";
import { ENVOY_VERSIONS, installEnvoy, installEnvoyVersion } from "./tools/envoy.ts";
import { GO_TOOLS, installGoTool, NODE_GO_TOOLS } from "./tools/go.ts";
import { lacksForNode } from "./tools/node-machine.ts";
import { ToolError } from "./tools/run.ts";

/**
 * Fetches or builds every real part that the tests need, one line each. Throws a ToolError on the first that cannot be had; a version of Envoy other than the one
 * that everything runs on may be missing: its tests are skipped by name.
 */
export async function installTools(print: (line: string) => void): Promise<void> {
  await timed("envoy", installEnvoy, print);
  for (const version of ENVOY_VERSIONS) {
    await timed(`envoy ${version}`, () => installEnvoyVersion(version), print).catch((error: unknown) => {
      if (!(error instanceof ToolError)) throw error;
      print(`${`envoy ${version}`.padEnd(23)} ${error.message}`);
    });
  }
  for (const tool of GO_TOOLS) await timed(tool, () => installGoTool(tool), print);
  await timed("chromium", async () => (await installChromium()).program, print);
  const lacks = await lacksForNode();
  if (lacks !== undefined) return print(`no node of Kubernetes on this machine, so nothing that runs one: ${lacks}`);
  await timed("containerd, runc", installDebianParts, print);
  for (const tool of NODE_GO_TOOLS) await timed(tool, () => installGoTool(tool), print);
}

async function timed(name: string, install: () => Promise<string>, print: (line: string) => void): Promise<void> {
  const start = performance.now();
  const path = await install();
  print(`${name.padEnd(23)} ${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${path}`);
}

if (import.meta.main) {
  try {
    // `envoy` alone is what getting-started.md needs: no Go, and a minute.
    if (process.argv[2] === "envoy") await timed("envoy", installEnvoy, console.log);
    else await installTools(console.log);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
