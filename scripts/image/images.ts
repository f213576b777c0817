import { glob, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { build } from "../build.ts";
import { ROOT } from "../tests/files.ts";
import { installNft } from "../tools/debian.ts";
import { envoyVersion, installEnvoy } from "../tools/envoy.ts";
import { ToolError } from "../tools/run.ts";
import type { Image } from "./oci.ts";
import { librariesOf, stripped } from "./program.ts";
import { common, type Entry, file, filesBelow } from "./tree.ts";

/** Says what makes an image larger or other than it should be, one line. */
type Warn = (line: string) => void;

export const IMAGES = { weir: weirImage, envoy: envoyImage } as const;

export const NODE = join(ROOT, "node_modules/node/bin/node");
const HOME = "var/lib/weir";
/** As in bin/weir, where the reason is. */
const MALLOC = { MALLOC_MMAP_THRESHOLD_: "1048576", MALLOC_TRIM_THRESHOLD_: "1048576" };

/** As in bin/weir, where the reason is. */
const V8 = ["--max-semi-space-size=8"];

/** Sets the bounds of provers, in place of a shell (preflight/process/bounds.ts). Of util-linux, which every Linux has. */
const PRLIMIT = "/usr/bin/prlimit";

/** The operator: Node, which seldom changes, in the first layer, and what `npm run build` makes in the second. Node brings its own CA certificates. */
async function weirImage(warn: Warn): Promise<Image> {
  const { version, description } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
    version: string;
    description: string;
  };
  const node = file("usr/local/bin/node", await stripped(NODE, warn), 0o755);
  const libraries = [...(await librariesOf(NODE)), ...(await librariesOf(PRLIMIT))];
  return {
    ...{ version, description, title: "Weir" },
    layers: [
      {
        name: "Node",
        entries: [...common(HOME), ...libraries, await nodeLicense(), file(PRLIMIT.slice(1), await readFile(PRLIMIT), 0o755), node],
      },
      { name: "Weir", entries: await weirFiles() },
    ],
    entrypoint: ["/usr/local/bin/node", ...V8, "--disable-warning=ExperimentalWarning", "/opt/weir/cli/main.js"],
    env: { ...MALLOC, WEIR_DATA: `/${HOME}/data` },
    workingDir: `/${HOME}`,
  };
}

/** Of Node and of all that is in it. It comes with the package that brings the program. */
async function nodeLicense(): Promise<Entry> {
  const [path] = await Array.fromAsync(glob("node_modules/{node/node_modules/,}node-linux-*/LICENSE", { cwd: ROOT }));
  if (path === undefined) throw new ToolError("the license of Node is not in node_modules; npm ci brings it");
  return file("usr/share/doc/node/LICENSE", await readFile(join(ROOT, path)));
}

/** What only a filter's author needs, beside a compiler that no image has; and the script that starts the package, which a shell would run. */
const NOT_IN_IMAGE = ["bin", "templates", "vendor", "author"];

/** The package, as far as a server uses it. */
async function weirFiles(): Promise<Entry[]> {
  const folder = await mkdtemp(join(tmpdir(), "weir-image-"));
  try {
    await build(folder);
    for (const name of NOT_IN_IMAGE) await rm(join(folder, name), { recursive: true });
    return await filesBelow(folder, "opt/weir");
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Turns what comes to a pod's ports to its Envoy. */
const NFT = "usr/sbin/nft";

/** Envoy for sidecars. The CA certificates, for its connections to services by TLS, are those of Node, where Envoy's examples have them. */
async function envoyImage(warn: Warn): Promise<Image> {
  const envoy = await installEnvoy();
  const program = file("usr/local/bin/envoy", await stripped(envoy, warn), 0o755);
  const root = await installNft();
  const nft = join(root, NFT);
  const capture = [...(await librariesOf(nft, root)), file(NFT, await readFile(nft), 0o755)];
  const certificates = file("etc/ssl/certs/ca-certificates.crt", `${rootCertificates.join("\n")}\n`);
  return {
    version: await envoyVersion(envoy),
    title: "Envoy for Weir",
    description: "Envoy as Weir's sidecars run it, and nft to capture ports: the programs and their libraries, no shell.",
    layers: [{ name: "Envoy", entries: [...common("home/nonroot"), ...(await librariesOf(envoy)), certificates, program, ...capture] }],
    entrypoint: ["/usr/local/bin/envoy"],
    env: {},
    workingDir: "/home/nonroot",
  };
}
