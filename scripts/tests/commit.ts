import { runOk } from "../tools/run.ts";
import { ROOT } from "./files.ts";

/** The commit of the tree, for the name of a result; one that ends in `+` is with changes that were not committed. */
export async function commitNow(): Promise<string> {
  const commit = await runOk("git", ["rev-parse", "--short=10", "HEAD"], { cwd: ROOT });
  const changes = await runOk("git", ["status", "--porcelain", "--untracked-files=no"], { cwd: ROOT });
  return `${commit.trim()}${changes === "" ? "" : "+"}`;
}
