import { isLoopback } from "../../base/loopback.ts";
import { ok, type Result } from "../../model/result.ts";
import type { Flag, FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";

/** Flags of `weir serve` about other Weirs. */
export const otherFlags = {
  other: {
    type: "string",
    multiple: true,
    value: "NAME=URL",
    help: "show the Weir whose read API is there in the pages too, beside this one: its filters, and what its proxies run",
  },
  "other-token-file": {
    type: "string",
    multiple: true,
    value: "NAME=FILE",
    help: "file with the token of a reader of that Weir",
  },
  "other-ca-file": {
    type: "string",
    multiple: true,
    value: "NAME=FILE",
    help: "PEM file of the authorities that prove that Weir's address; default: those that Node trusts",
  },
} as const satisfies Record<string, Flag>;

/** Another Weir, as flags name it. */
export interface OtherChoice {
  readonly name: string;
  readonly url: URL;
  readonly tokenFile: string | undefined;
  readonly caFile: string | undefined;
}

const MOST = 20;

export function readOthers(values: FlagValues<typeof otherFlags>): Result<readonly OtherChoice[]> {
  const urls = readPairs(values.other, "--other");
  if (!urls.ok) return urls;
  const tokens = readPairs(values["other-token-file"], "--other-token-file");
  if (!tokens.ok) return tokens;
  const authorities = readPairs(values["other-ca-file"], "--other-ca-file");
  if (!authorities.ok) return authorities;
  if (urls.value.size > MOST) return usage(`--other names ${urls.value.size} Weirs; ${MOST} are the most`);
  for (const [flag, named] of [
    ["--other-token-file", tokens.value],
    ["--other-ca-file", authorities.value],
  ] as const) {
    const unknown = [...named.keys()].find((name) => !urls.value.has(name));
    if (unknown !== undefined) return usage(`${flag} ${unknown}=…: there is no --other ${unknown}=URL`);
  }
  const choices: OtherChoice[] = [];
  for (const [name, text] of urls.value) {
    const url = URL.parse(text);
    if (
      url === null ||
      !/^https?:$/.test(url.protocol) ||
      url.username !== "" ||
      url.password !== "" ||
      url.search !== "" ||
      url.hash !== ""
    )
      return usage(`--other ${name} takes a URL such as https://weir.eu.example:18001, not "${text}"`);
    if (url.protocol === "http:" && tokens.value.has(name) && !isLoopback(url.hostname.replace(/^\[(.*)\]$/, "$1")))
      return usage(`--other ${name} has a token, and ${url.origin} would be sent it in the clear; give an https:// URL`);
    choices.push({ name, url, tokenFile: tokens.value.get(name), caFile: authorities.value.get(name) });
  }
  return ok(choices);
}

function readPairs(values: readonly string[], flag: string): Result<ReadonlyMap<string, string>> {
  const pairs = new Map<string, string>();
  for (const value of values) {
    const [, name, rest] = /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)=(.+)$/.exec(value) ?? [];
    if (name === undefined || rest === undefined) return usage(`${flag} is NAME=..., with a name such as eu-1, not "${value}"`);
    if (name === "here") return usage(`${flag}: "here" is this Weir's own name; choose another`);
    if (pairs.has(name)) return usage(`${flag} names ${name} twice`);
    pairs.set(name, rest);
  }
  return ok(pairs);
}
