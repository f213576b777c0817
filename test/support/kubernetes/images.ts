import { glob, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pack } from "tar-stream";
import { cached, cacheFolder, keyOf } from "../../../base/cache-folder.ts";
import { IMAGES, NODE } from "../../../scripts/image/images.ts";
import { type Image, writeImage } from "../../../scripts/image/oci.ts";
import { common, file } from "../../../scripts/image/tree.ts";
import { ROOT } from "../../../scripts/tests/files.ts";
import { installDebianParts } from "../../../scripts/tools/debian.ts";
import { installEnvoy } from "../../../scripts/tools/envoy.ts";
import { installGoTool } from "../../../scripts/tools/go.ts";
import { runOk } from "../../../scripts/tools/run.ts";
import type { Namespaces } from "./namespaces.ts";
import { ctr } from "./node.ts";

/** What a pod of a test can run, by its name in the cluster. The version of an image is its tag. */
export const IMAGE_NAMES = { weir: "localhost/weir", envoy: "localhost/envoy", app: "localhost/app", pause: "localhost/pause" } as const;

export type ImageName = keyof typeof IMAGE_NAMES;

/** Commands of busybox that `kubectl exec` finds in the app's image; a shell there finds all others in itself. */
const COMMANDS = ["sh", "cat", "wget", "sleep", "ls", "id", "nslookup"];

/** An OCI image layout of a folder, and the name that its image gets. */
export interface Layout {
  readonly folder: string;
  readonly reference: string;
}

const made = new Map<ImageName, Promise<Layout>>();

/** The layout of an image, made the first time that its content is asked for on this machine, and looked for once in a process. */
export function layoutOf(name: ImageName): Promise<Layout> {
  const known = made.get(name) ?? makeLayout(name);
  made.set(name, known);
  return known;
}

/** Level of compression. The images that are published take ten times as long to compress, and are a third smaller. */
const QUICK = 1;

async function makeLayout(name: ImageName): Promise<Layout> {
  const prefix = `image-${name}-`;
  const folder = await cached(`${prefix}${await keyOfInputs(name)}`, async (draft) => {
    await removeOld(prefix);
    await writeImage(await imageOf(name), draft, "zstd", QUICK);
  });
  const index = JSON.parse(await readFile(join(folder, "index.json"), "utf8")) as Index;
  return { folder, reference: `${IMAGE_NAMES[name]}:${index.manifests[0]?.annotations?.["org.opencontainers.image.ref.name"]}` };
}

interface Index {
  readonly manifests: { annotations?: Record<string, string> }[];
}

/** Of what an image is made from: to make it takes seconds, and to read all that goes into it a tenth of one. */
async function keyOfInputs(name: ImageName): Promise<string> {
  const scripts = await filesOf("scripts/{image,build}{,.ts,/*.ts}", []);
  if (name === "app" || name === "pause")
    return keyOf(await installGoTool("test-app"), await installDebianParts(), await readFile(import.meta.filename, "utf8"), ...scripts);
  const program = name === "envoy" ? await installEnvoy() : NODE;
  const { size, mtimeMs } = await stat(program);
  const sources = name === "envoy" ? [] : await filesOf("{*,*/**/*}.{ts,js,json,yaml,bash,fish,zsh,md}", OUTSIDE);
  return keyOf(await runOk("ldd", [program]).then(withoutAddresses), program, `${size} ${mtimeMs}`, ...scripts, ...sources);
}

/** Where nothing is that goes into Weir's image. */
const OUTSIDE = ["**/node_modules", "dist", ".*", "test", "docs", "bench", "examples", "tools", "charts", "deploy", "**/*.test.ts"];

/** Paths and contents of the project's files, in order. */
async function filesOf(pattern: string, exclude: readonly string[]): Promise<string[]> {
  const paths = (await Array.fromAsync(glob(pattern, { cwd: ROOT, exclude }))).sort();
  const texts = await Promise.all(paths.map(async (path) => [path, await readFile(join(ROOT, path), "utf8").catch(() => "")]));
  return texts.flat();
}

const withoutAddresses = (ldd: string): string => ldd.replace(/ \(0x[0-9a-f]+\)/g, "");

async function imageOf(name: ImageName): Promise<Image> {
  if (name === "weir" || name === "envoy") return IMAGES[name](() => {});
  const [app, busybox] = [await readFile(await installGoTool("test-app")), await readFile(join(await installDebianParts(), "bin/busybox"))];
  const entries = [
    ...common("home/nonroot"),
    file("app", app, 0o755),
    ...COMMANDS.map((command) => file(`bin/${command}`, busybox, 0o755)),
  ];
  return {
    ...{ version: "1", title: name, description: "What the cluster tests run beside Weir.", layers: [{ name, entries }] },
    ...{ entrypoint: name === "pause" ? ["/app", "pause"] : ["/app"], env: {}, workingDir: "/home/nonroot" },
  };
}

const OLD_MS = 24 * 3_600_000;

/** Each change of Weir is an image; those that nobody asked for since yesterday go. */
async function removeOld(prefix: string): Promise<void> {
  const root = cacheFolder();
  for (const name of await readdir(root)) {
    if (!name.startsWith(prefix)) continue;
    const { mtimeMs } = await stat(join(root, name));
    if (Date.now() - mtimeMs > OLD_MS && !/\.(lock|partial)$/.test(name)) await rm(join(root, name), { recursive: true, force: true });
  }
}

/** Writes the layout as an archive that `ctr images import` takes, its image named by `reference`. */
export async function writeArchive({ folder, reference }: Layout, path: string): Promise<void> {
  const archive = pack();
  const index = JSON.parse(await readFile(join(folder, "index.json"), "utf8")) as Index;
  for (const manifest of index.manifests) manifest.annotations = { "io.containerd.image.name": reference };
  archive.entry({ name: "oci-layout" }, await readFile(join(folder, "oci-layout")));
  archive.entry({ name: "index.json" }, JSON.stringify(index));
  for (const blob of await readdir(join(folder, "blobs/sha256"))) {
    archive.entry({ name: `blobs/sha256/${blob}` }, await readFile(join(folder, "blobs/sha256", blob)));
  }
  archive.finalize();
  await writeFile(path, Buffer.concat(await Array.fromAsync(archive as AsyncIterable<Uint8Array>)));
}

/** Brings images to the node's containerd. Gives the reference of each. */
export interface Loader {
  /** One of the project's images, or the app's, made when its content is new. */
  image(name: ImageName): Promise<string>;
  /** The image of any OCI image layout. */
  layout(layout: Layout): Promise<string>;
}

export function createLoader(namespaces: Namespaces, folder: string): Loader {
  let count = 0;
  const layout = async (wanted: Layout) => {
    const archive = join(folder, `image-${count++}.tar`);
    await writeArchive(wanted, archive);
    await ctr(namespaces, ["images", "import", "--all-platforms", archive]);
    await rm(archive);
    return wanted.reference;
  };
  return { layout, image: async (name: ImageName) => layout(await layoutOf(name)) };
}
