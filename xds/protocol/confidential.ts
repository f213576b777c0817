import type { Item } from "./subscription.ts";

/** What Envoy says of configurations that it refuses, up to the part that can be anybody's words. */
const CLASSES = [
  "Unable to create Wasm plugin",
  "Unable to create Wasm HTTP filter",
  "Failed to load Wasm code",
  "Proto constraint validation failed",
  "Didn't find a registered implementation",
  "Unable to unpack",
  "Unable to parse",
] as const;

const WITHHELD = "the proxy's log has the rest, which may quote a configuration from a Secret";

/** What may be kept of a client's words about these: all of them, or where a configuration comes from a Secret, their class and the plugins that they name. */
export function withoutSecrets(words: string, items: readonly Item[]): string {
  if (items.every(({ confidential }) => confidential === undefined)) return words;
  const plugins = [...new Set(items.flatMap(({ confidential = [] }) => confidential))].filter((id) => names(words, id));
  const kind = CLASSES.find((each) => words.includes(each)) ?? "rejected";
  return `${[kind, ...plugins].join(" ")}; ${WITHHELD}`;
}

/** True when the message holds this name as a whole word: `shop/auth` is not in `shop/auth-v2` nor in `eshop/auth`. */
export function names(message: string, id: string): boolean {
  for (let at = message.indexOf(id); at >= 0; at = message.indexOf(id, at + 1)) {
    const after = message.slice(at + id.length);
    if (!/[\w./-]$/.test(message.slice(0, at)) && !/^(?:[\w/-]|\.\w)/.test(after)) return true;
  }
  return false;
}
