import { installSkopeo } from "../../scripts/tools/debian.ts";
import { ToolError } from "../../scripts/tools/run.ts";
import { startProcess } from "./process.ts";

const skopeo = await installSkopeo().catch((error: unknown) => {
  if (error instanceof ToolError) return error;
  throw error;
});

/** Why there is no skopeo on this machine, for a test to be skipped by; `false`: there is. */
export const lacksSkopeo = skopeo instanceof ToolError && skopeo.message;

/** Runs skopeo with this home; gives its output. Throws when it fails. */
export async function runSkopeo(args: readonly string[], home: string): Promise<string> {
  if (skopeo instanceof ToolError) throw skopeo;
  const run = await startProcess(skopeo.program, args, { name: "skopeo", env: { ...skopeo.env, HOME: home } });
  const { code } = await run.exited;
  if (code !== 0) throw new Error(`skopeo ${args.join(" ")} ended with ${code}:\n${run.logs()}`);
  return run.logs();
}
