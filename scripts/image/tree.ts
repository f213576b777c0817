import { chmod, mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { pack } from "tar-stream";

/** A file or a folder of a root file system. All belong to root, and have the time 0: what they hold is all that they differ in. */
export interface Entry {
  /** From the root, without a slash at either end. */
  readonly path: string;
  readonly mode: number;
  /** `undefined` is a folder. */
  readonly content?: Uint8Array;
}

export const folder = (path: string, mode = 0o755): Entry => ({ path, mode });
export const file = (path: string, content: Uint8Array | string, mode = 0o644): Entry => ({ path, mode, content: Buffer.from(content) });

/** Who everything in an image runs as; what Distroless calls `nonroot`. */
export const USER = 65532;
/** Writable when nothing is mounted there and the root is not read-only, whoever the user is. */
const WRITABLE = 0o1777;

/** What every image has besides its program. `home` is the user's, and where it starts. */
export function common(home: string): Entry[] {
  return [
    file("etc/passwd", `root:x:0:0:root:/:/sbin/nologin\nnonroot:x:${USER}:${USER}:nonroot:/${home}:/sbin/nologin\n`),
    file("etc/group", `root:x:0:\nnonroot:x:${USER}:\n`),
    file("etc/nsswitch.conf", "hosts: files dns\n"), // glibc alone would ask DNS before /etc/hosts
    folder("tmp", WRITABLE),
    folder(home, WRITABLE),
  ];
}

/** The files below a folder on disk, at `path` in the tree. */
export async function filesBelow(source: string, path: string): Promise<Entry[]> {
  const found = await readdir(source, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (name) => file(join(path, relative(source, name)), await readFile(name))));
}

/** The entries with every folder above them, sorted by path, so that a folder stands before what is in it. */
export function complete(entries: readonly Entry[]): Entry[] {
  const byPath = new Map<string, Entry>();
  for (const { path } of entries) for (let above = dirname(path); above !== "."; above = dirname(above)) byPath.set(above, folder(above));
  for (const entry of entries) byPath.set(entry.path, entry);
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The entries as a tar archive. Same entries, same bytes. */
export async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack();
  for (const { path, mode, content } of complete(entries)) {
    const header = { mode, uid: 0, gid: 0, mtime: new Date(0) };
    if (content === undefined) archive.entry({ ...header, name: `${path}/`, type: "directory" });
    else archive.entry({ ...header, name: path, size: content.length }, Buffer.from(content));
  }
  archive.finalize();
  return Buffer.concat(await Array.fromAsync(archive as AsyncIterable<Uint8Array>));
}

/** Writes the entries below `root`, as whoever runs this. */
export async function writeTree(entries: readonly Entry[], root: string): Promise<void> {
  const all = complete(entries);
  for (const { path, mode, content } of all) {
    const target = join(root, path);
    if (content === undefined) await mkdir(target, { recursive: true });
    else await writeFile(target, content);
    await chmod(target, mode); // not by `mode` above, which the umask cuts
  }
  for (const { path } of all.reverse()) await utimes(join(root, path), 0, 0);
}
