const SHORTEST = 4;
const PLACEHOLDER = "[config]";

/** A function that replaces every part of a secret configuration (the whole text, its JSON strings and numbers, its words) in a text. */
export function createRedactor(config: string): (text: string) => string {
  const secrets = [...new Set([config, ...leavesOf(config), ...config.split(/[\s"'=:,;{}[\]]+/)])]
    .filter((part) => part.length >= SHORTEST)
    .sort((a, b) => b.length - a.length);
  return (text) => secrets.reduce((hidden, secret) => hidden.split(secret).join(PLACEHOLDER), text);
}

function leavesOf(config: string): string[] {
  try {
    const leaves: string[] = [];
    JSON.parse(config, (_key, value: unknown) => {
      if (typeof value === "string" || typeof value === "number") leaves.push(String(value));
      return value;
    });
    return leaves;
  } catch {
    return [];
  }
}
