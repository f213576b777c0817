/** A scalar that YAML reads back as this very text: JSON strings are YAML strings. */
export function q(text: string): string {
  return JSON.stringify(text);
}
