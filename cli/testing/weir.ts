import { main } from "../main.ts";
import { createFakeTerminal } from "./terminal.ts";

/** Runs one command line with `home` as the home folder and no server to ask. Gives the exit status and what was written. For tests. */
export async function runWeir(home: string, argv: readonly string[], given: Parameters<typeof createFakeTerminal>[0] = {}) {
  const { terminal, written } = createFakeTerminal({ ...given, env: { HOME: home, WEIR_SERVER: "http://127.0.0.1:1", ...given.env } });
  const status = await main(argv, terminal);
  return { status, ...written };
}
