import type { Library } from "./libraries.ts";

/** The folder of a project that holds the packages it brings along. */
export const VENDOR = "vendor";

interface Manifest {
  readonly devDependencies?: Readonly<Record<string, string>>;
}

interface Lockfile {
  readonly packages: Readonly<Record<string, Manifest>>;
}

/** `package.json` with the libraries among its development dependencies. */
export function withLibraries(manifest: string, libraries: readonly Library[]): string {
  return print(dependingOn(JSON.parse(manifest) as Manifest, libraries));
}

/** `package-lock.json`, as npm writes it for that: `npm ci` installs from it what stands in the project, and asks a registry for the rest alone. */
export function lockLibraries(lockfile: string, libraries: readonly Library[]): string {
  const { packages, ...head } = JSON.parse(lockfile) as Lockfile;
  const { "": root = {}, ...others } = packages;
  const locked = libraries.map((library) => [`node_modules/${library.name}`, lockEntry(library)] as const);
  const sorted = Object.entries({ ...others, ...Object.fromEntries(locked) }).sort(([a], [b]) => a.localeCompare(b, "en"));
  return print({ ...head, packages: { "": dependingOn(root, libraries), ...Object.fromEntries(sorted) } });
}

function dependingOn(manifest: Manifest, libraries: readonly Library[]): Manifest {
  const own = libraries.map(({ name, file }) => [name, `file:${VENDOR}/${file}`] as const);
  const all = [...Object.entries(manifest.devDependencies ?? {}), ...own].sort(([a], [b]) => a.localeCompare(b, "en"));
  return { ...manifest, devDependencies: Object.fromEntries(all) };
}

function lockEntry({ version, file, integrity, license, engines, peerDependencies }: Library): object {
  return {
    ...{ version, resolved: `file:${VENDOR}/${file}`, integrity, dev: true, license },
    ...(engines && { engines }),
    ...(peerDependencies && { peerDependencies }),
  };
}

function print(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
