import { readFile, writeFile } from "node:fs/promises";

/**
 * npm leaves an optional package out of the lockfile when the registry at hand does not carry it (a mirror with one platform's binaries),
 * and `npm ci` then refuses that lockfile on every machine. This adds the entries back, without a checksum, limited to their platform.
 * Give `--write` after `npm install`; `npm run check` fails while an entry is missing.
 */
const LOCKFILE = new URL("../package-lock.json", import.meta.url);

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

export interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
  readonly [key: string]: unknown;
}

/** The entries that `npm ci` would miss: those of optional dependencies with an exact version, by lockfile path. */
export function missingEntries(lock: Lockfile): Record<string, LockedPackage> {
  const missing: Record<string, LockedPackage> = {};
  for (const [path, owner] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
      const places = [`node_modules/${name}`, `${path}/node_modules/${name}`];
      if (places.some((place) => place in lock.packages) || !/^\d+\.\d+\.\d+$/.test(version)) continue;
      missing[`node_modules/${name}`] = { version, ...platformOf(name), ...(owner.dev === true ? { dev: true } : {}), optional: true };
    }
  }
  return missing;
}

/** `cli-linux-arm64-musl` → os, cpu and libc as npm writes them. */
function platformOf(name: string): { os?: string[]; cpu?: string[]; libc?: string[] } {
  const match = /-(android|darwin|linux|win32|freebsd|openbsd|netbsd|sunos|aix)-([a-z0-9]+)(-musl)?$/.exec(name);
  if (match === null) return {};
  const [, os = "", arch = "", musl] = match;
  const cpu = { aarch64: "arm64", armv7: "arm" }[arch] ?? arch;
  return { os: [os], cpu: [cpu], ...(musl === undefined ? {} : { libc: ["musl"] }) };
}

/** The same lockfile with the missing entries, in npm's order. */
export function completed(lock: Lockfile): Lockfile {
  const entries = Object.entries({ ...lock.packages, ...missingEntries(lock) });
  entries.sort(([a], [b]) => a.localeCompare(b, "en"));
  return { ...lock, packages: Object.fromEntries(entries) };
}

export async function checkLockfile(): Promise<string[]> {
  const lock: Lockfile = JSON.parse(await readFile(LOCKFILE, "utf8"));
  return Object.keys(missingEntries(lock)).map((path) => `package-lock.json lacks ${path}: run \`node scripts/lockfile.ts --write\``);
}

if (import.meta.main) {
  if (process.argv.includes("--write")) {
    const lock: Lockfile = JSON.parse(await readFile(LOCKFILE, "utf8"));
    await writeFile(LOCKFILE, `${JSON.stringify(completed(lock), null, 2)}\n`);
  }
  const problems = await checkLockfile();
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
