import { glob, mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cached, keyOf } from "../../base/cache-folder.ts";
import { run, runOk, ToolError } from "./run.ts";

/** What runs containers on a node, and the libraries that it needs beside libc. */
const PACKAGES = [
  ...["containerd", "runc", "containernetworking-plugins", "iptables", "nftables", "busybox-static"],
  ...["libseccomp2", "libxtables12", "libmnl0", "libnftnl11", "libnftables1", "libnfnetlink0", "libnetfilter-conntrack3"],
  ...["libip4tc2", "libip6tc2", "libjansson4", "libedit2", "libbsd0", "libmd0", "libgmp10", "libtinfo6"],
];

/** What captures ports in a pod, and what it needs beside libc. */
const NFT_PACKAGES = [
  ...["nftables", "libnftables1", "libmnl0", "libnftnl11", "libjansson4", "libxtables12"],
  ...["libedit2", "libbsd0", "libmd0", "libgmp10", "libtinfo6"],
];

const FAKETIME_PACKAGES = ["libfaketime"];

/** A reader and writer of images that is not Weir's, and what it needs beside libc, udev and SELinux's library. */
const SKOPEO_PACKAGES = ["skopeo", "libdevmapper1.02.1", "libgpgme11", "libassuan0", "libgpg-error0"];

/**
 * The folder of what Debian packages hold, unpacked as from the root, and kept in the cache by their checksums: nothing is installed into the system.
 * Throws a ToolError, one line, where there is no apt or a package is missing.
 */
export function installDebianParts(): Promise<string> {
  return installed(PACKAGES);
}

/** The same with `usr/sbin/nft` in it, for images. */
export function installNft(): Promise<string> {
  return installed(NFT_PACKAGES);
}

/** The library that gives a program another time, where it is loaded before it (LD_PRELOAD). https://github.com/wolfcw/libfaketime */
export async function installFaketime(): Promise<string> {
  const root = await installed(FAKETIME_PACKAGES);
  const [library] = await Array.fromAsync(glob("usr/lib/*/faketime/libfaketime.so.1", { cwd: root }));
  if (library === undefined) throw new ToolError("the package libfaketime has no libfaketime.so.1");
  return join(root, library);
}

/** Skopeo, and the environment that it finds its libraries by. https://github.com/containers/skopeo */
export async function installSkopeo(): Promise<{ readonly program: string; readonly env: Readonly<Record<string, string>> }> {
  const root = await installed(SKOPEO_PACKAGES);
  const libraries = await Array.fromAsync(glob(["usr/lib/*/lib*.so*", "lib/*/lib*.so*"], { cwd: root }));
  const folders = [...new Set(libraries.map((library) => dirname(join(root, library))))];
  return { program: join(root, "usr/bin/skopeo"), env: { LD_LIBRARY_PATH: folders.join(":") } };
}

const TINYPROXY_PACKAGES = ["tinyproxy-bin", "libnss-wrapper"];

/** A forward proxy, and the library that gives a program names of hosts of its own (LD_PRELOAD). https://tinyproxy.github.io, https://cwrap.org/nss_wrapper.html */
export async function installTinyproxy(): Promise<{ readonly program: string; readonly names: string }> {
  const root = await installed(TINYPROXY_PACKAGES);
  const [names] = await Array.fromAsync(glob("usr/lib/*/libnss_wrapper.so", { cwd: root }));
  if (names === undefined) throw new ToolError("the package libnss-wrapper has no libnss_wrapper.so");
  return { program: join(root, "usr/bin/tinyproxy"), names: join(root, names) };
}

/** Asking apt takes a second, and what it answers does not change while this process runs. */
const folders = new Map<readonly string[], Promise<string>>();

function installed(packages: readonly string[]): Promise<string> {
  const folder = folders.get(packages) ?? install(packages);
  folders.set(packages, folder);
  return folder;
}

async function install(packages: readonly string[]): Promise<string> {
  const uris = (await printUris(packages)) ?? (await refreshed(packages));
  return cached(`debian-${keyOf(uris)}`, async (folder) => {
    const downloads = join(folder, "packages");
    await mkdir(downloads);
    await runOk("apt-get", ["--quiet=2", "download", ...packages], { cwd: downloads });
    for (const name of await readdir(downloads)) await runOk("dpkg-deb", ["--extract", join(downloads, name), folder]);
    await rm(downloads, { recursive: true });
  });
}

/** Names, sizes and checksums of the packages as this machine would download them; undefined when its lists do not have them all. */
async function printUris(packages: readonly string[]): Promise<string | undefined> {
  const done = await run("apt-get", ["--print-uris", "download", ...packages]).catch(() => undefined);
  if (done === undefined) throw new ToolError(`apt-get is missing: ${packages[0]} and its like come from packages of Debian or Ubuntu`);
  const parts = done.stdout.split("\n").flatMap((line) => /^'\S+' (\S+ \d+ \S+:[0-9a-f]+)$/.exec(line)?.[1] ?? []);
  return done.code === 0 && parts.length >= packages.length ? parts.sort().join("\n") : undefined;
}

/** A machine that was never asked for a package has no lists. */
async function refreshed(packages: readonly string[]): Promise<string> {
  await runOk("apt-get", ["--quiet=2", "update"]);
  const uris = await printUris(packages);
  if (uris === undefined) throw new ToolError(`apt-get knows not all of ${packages.join(", ")}: Debian's packages are needed`);
  return uris;
}
