import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { IMAGES } from "./image/images.ts";
import { type WrittenImage, writeImage } from "./image/oci.ts";
import { writeTree } from "./image/tree.ts";
import { ROOT } from "./tests/files.ts";
import { ToolError } from "./tools/run.ts";

const USAGE = `usage: npm run image -- [weir|envoy] [--gzip] [--output FOLDER | --rootfs FOLDER]

Makes a container image with no builder: an OCI image layout in dist/image (or dist/image-envoy).
  --gzip           layers in gzip, for what reads no zstd (containerd reads it from 1.5)
  --output FOLDER  the layout's folder, which is emptied first
  --rootfs FOLDER  the root file system alone, as files; the folder is emptied first`;

/** The image's digest and sizes, for people. */
export function report({ digest, layers }: WrittenImage): string[] {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1).padStart(6)} MB`;
  const row = (name: string, size: number, compressed: number) =>
    `${name.padEnd(8)}${megabytes(size)}, ${megabytes(compressed)} compressed`;
  const sum = (key: "size" | "compressed") => layers.reduce((total, layer) => total + layer[key], 0);
  return [...layers.map(({ name, size, compressed }) => row(name, size, compressed)), row("all", sum("size"), sum("compressed")), digest];
}

async function main(args: string[]): Promise<void> {
  const options = { gzip: { type: "boolean" }, output: { type: "string" }, rootfs: { type: "string" } } as const;
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options });
  const [name = "weir"] = positionals;
  if (!(name in IMAGES) || positionals.length > 1) throw new ToolError(USAGE);
  const image = await IMAGES[name as keyof typeof IMAGES](console.warn);
  if (values.rootfs !== undefined) {
    await rm(values.rootfs, { recursive: true, force: true });
    return writeTree(
      image.layers.flatMap(({ entries }) => entries),
      values.rootfs,
    );
  }
  const output = values.output ?? join(ROOT, "dist", name === "weir" ? "image" : `image-${name}`);
  console.log([...report(await writeImage(image, output, values.gzip === true ? "gzip" : "zstd")), output].join("\n"));
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    const isUsage = error instanceof TypeError && (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS") === true;
    if (!(error instanceof ToolError) && !isUsage) throw error;
    console.error(isUsage ? `${error.message}\n\n${USAGE}` : (error as Error).message);
    process.exitCode = 1;
  }
}
