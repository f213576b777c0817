import { readFile } from "node:fs/promises";
import { whyUnread } from "../../base/error.ts";
import { type Clock, systemClock } from "../../model/clock.ts";
import type { Log } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { createTokens, type LiveTokens, parseTokens } from "../../xds/index.ts";
import { watchFiles } from "./file-watch.ts";

/** The tokens of a file, and a watch on it. */
export interface TokenFile {
  readonly tokens: LiveTokens;
  /** Takes what the file holds each time that it changes, until the returned function is called. A file that cannot be used is logged once, and the tokens before stay. */
  watch(log: Log, clock?: Clock): () => void;
}

/** 10,000 entries of 400 bytes. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Reads a file of tokens of a server that is about to start; no path: no tokens. */
export async function openTokens(path: string | undefined): Promise<Result<TokenFile | undefined>> {
  if (path === undefined) return ok(undefined);
  const first = await readTokens(path);
  if (!first.ok) return first;
  const tokens = createTokens(first.value.table);
  return ok({
    tokens,
    watch: (log, clock = systemClock) =>
      watchFiles({
        ...{ current: first.value, clock, read: () => readTokens(path), textOf: ({ text }) => text },
        taken({ table }) {
          tokens.replace(table);
          log.info("the token file is read anew", { tokens: table.size });
        },
        refused: (error) => log.error("the new token file cannot be used; the tokens before stay in use", { error }),
      }),
  });
}

async function readTokens(path: string) {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    return unusable(path, whyUnread(error));
  }
  if (text.length > MAX_BYTES) return unusable(path, `has more than ${MAX_BYTES} bytes`);
  const parsed = parseTokens(text);
  return parsed.ok ? ok({ text, table: parsed.value }) : unusable(path, parsed.error.message);
}

function unusable(path: string, why: string): Result<never> {
  return fail("TokenFile", `--token-auth-file ${path} ${why}`);
}
