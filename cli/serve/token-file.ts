import { readFile } from "node:fs/promises";
import { messageOf } from "../../base/error.ts";
import { type Clock, systemClock } from "../../model/clock.ts";
import type { Log } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { createTokens, type LiveTokens, parseTokens } from "../../xds/index.ts";

/** The tokens of a file, and a watch on it. */
export interface TokenFile {
  readonly tokens: LiveTokens;
  /** Takes what the file holds each time that it changes, until the returned function is called. A file that cannot be used is logged once, and the tokens before stay. */
  watch(log: Log, clock?: Clock): () => void;
}

/** How often the file is looked at, in milliseconds: as often as those of TLS. */
const INTERVAL_MS = 5_000;
/** 10,000 entries of 400 bytes. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Reads a file of tokens of a server that is about to start; no path: no tokens. */
export async function openTokens(path: string | undefined): Promise<Result<TokenFile | undefined>> {
  if (path === undefined) return ok(undefined);
  const first = await readTokens(path);
  if (!first.ok) return first;
  const tokens = createTokens(first.value.table);
  return ok({ tokens, watch: (log, clock = systemClock) => watchTokens(path, first.value.text, tokens, log, clock) });
}

async function readTokens(path: string) {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    return unusable(path, `cannot be read: ${messageOf(error)}`);
  }
  if (text.length > MAX_BYTES) return unusable(path, `has more than ${MAX_BYTES} bytes`);
  const parsed = parseTokens(text);
  return parsed.ok ? ok({ text, table: parsed.value }) : unusable(path, parsed.error.message);
}

function watchTokens(path: string, first: string, tokens: LiveTokens, log: Log, clock: Clock): () => void {
  let last = first;
  let stopped = false;
  let cancel = clock.after(INTERVAL_MS, look);

  async function look(): Promise<void> {
    const read = await readTokens(path);
    if (stopped) return;
    const text = read.ok ? read.value.text : read.error.message;
    if (text !== last) {
      last = text;
      if (read.ok) {
        tokens.replace(read.value.table);
        log.info("the token file is read anew", { tokens: read.value.table.size });
      } else log.error("the new token file cannot be used; the tokens before stay in use", { error: read.error.message });
    }
    cancel = clock.after(INTERVAL_MS, look);
  }

  return () => {
    stopped = true;
    cancel();
  };
}

function unusable(path: string, why: string): Result<never> {
  return fail("TokenFile", `--token-auth-file ${path} ${why}`);
}
