/** A version as people tag it: `1.2.3`, `v1.2`, `1.3.0-rc.1`. */
const VERSION = /^v?(\d{1,9}(?:\.\d{1,9}){0,3})(?:[-+](.*))?$/;
const NATURAL = new Intl.Collator("en", { numeric: true });

/** Tags, the newest version first as far as their names tell: versions before others, a version before its pre-releases, and `1.4.0` before `1.4`. */
export function newestFirst(tags: readonly string[]): string[] {
  return [...tags].sort(compare);
}

function compare(a: string, b: string): number {
  const [one, other] = [VERSION.exec(a), VERSION.exec(b)];
  if (one === null || other === null) return one === other ? NATURAL.compare(b, a) : one === null ? 1 : -1;
  const byNumber = NATURAL.compare(padded(other[1]), padded(one[1]));
  if (byNumber !== 0) return byNumber;
  if ((one[2] === undefined) !== (other[2] === undefined)) return one[2] === undefined ? -1 : 1;
  return NATURAL.compare(b, a);
}

function padded(version = ""): string {
  const parts = version.split(".");
  return [...parts, ...Array<string>(4 - parts.length).fill("0")].join(".");
}
