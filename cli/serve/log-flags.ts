import type { Log } from "../../model/log.ts";
import type { Flag } from "../args/syntax.ts";
import { type Terminal, takesColor } from "../terminal.ts";
import { FORMATS, type Format, formatFor, LEVELS, type Level } from "./levels.ts";

/** Flags of every command that runs until it is stopped. */
export const logFlags = {
  "log-level": { type: "string", help: "the least level that is written", fallback: "info", choices: LEVELS },
  "log-format": {
    type: "string",
    help: "how log lines look; auto is text on a screen and JSON otherwise",
    fallback: "auto",
    choices: FORMATS,
  },
} as const satisfies Record<string, Flag>;

/** Loads the logger here: no other command should wait for it. */
export async function openLog(
  flags: { "log-level": Level; "log-format": Format },
  { errIsScreen, env, now, err, unread }: Terminal,
): Promise<Log> {
  const { createLog } = await import("./log.ts");
  const color = takesColor(env, errIsScreen);
  return createLog({ format: formatFor(flags["log-format"], errIsScreen), level: flags["log-level"], color, now, write: err, unread });
}
