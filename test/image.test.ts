import assert from "node:assert/strict";
import { chown, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { buildExamples } from "../scripts/build-examples.ts";
import { IMAGES } from "../scripts/image/images.ts";
import { type WrittenImage, writeImage } from "../scripts/image/oci.ts";
import { USER, writeTree } from "../scripts/image/tree.ts";
import { report } from "../scripts/image.ts";
import { ROOT } from "../scripts/tests/files.ts";
import { run, runOk } from "../scripts/tools/run.ts";
import { startEchoApp } from "./support/echo-app.ts";
import { entrypointOf, type UnpackedImage, unpackImage } from "./support/image.ts";
import { reservePort } from "./support/ports.ts";
import { eventually, startProcess } from "./support/process.ts";
import { createTempFolder } from "./support/temp-folder.ts";
import { get } from "./support/traffic.ts";
import { condition, startWeir } from "./support/weir.ts";

const onLinux = { skip: process.platform !== "linux" && "images are made on Linux" };
const needsRoot = { skip: onLinux.skip || (process.getuid?.() !== 0 && "needs root, for chroot and mounts") };

/** Bytes that an image may have: Node and its libraries are 114.4 MB of them, and the pages' markdown and the port forward of `weir ui` 2 of the rest. */
const MOST = { size: 124e6, compressed: 40e6 };

/** What this machine cannot do for an image. */
const warnings = new Set<string>();
const warn = (line: string): void => void warnings.add(line);
const folder = await createTempFolder("image");
const at = (...names: string[]): string => join(folder.path, ...names);
const NAMES = ["weir", "envoy"] as const;
const images = {} as Record<(typeof NAMES)[number], UnpackedImage & { readonly written: WrittenImage }>;

before(async () => {
  if (onLinux.skip !== false) return;
  for (const name of NAMES) {
    const written = await writeImage(await IMAGES[name](warn), at(`${name}-layout`), "zstd");
    images[name] = { ...(await unpackImage(at(`${name}-layout`), at(name))), written };
  }
});

/** Every file that may be executed, from the root. */
async function programs({ root }: UnpackedImage): Promise<string[]> {
  const found = await readdir(root, { recursive: true, withFileTypes: true });
  const files = found.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  const modes = await Promise.all(files.map(async (file) => ({ file, mode: (await stat(file)).mode })));
  return modes
    .filter(({ mode }) => (mode & 0o111) !== 0)
    .map(({ file }) => file.slice(root.length))
    .sort();
}

test("the images are within their size", onLinux, (t) => {
  for (const { written } of Object.values(images)) {
    for (const line of report(written)) t.diagnostic(line);
    if (warnings.size > 0) return t.skip([...warnings].join(" "));
    for (const key of ["size", "compressed"] as const) {
      assert.ok(written.layers.reduce((sum, layer) => sum + layer[key], 0) < MOST[key], key);
    }
  }
});

test("an image that is made again is the same, as a layout and as files", onLinux, async () => {
  const image = await IMAGES.weir(warn);
  assert.deepEqual(await writeImage(image, at("again"), "zstd"), images.weir.written);
  const entries = image.layers.flatMap((layer) => layer.entries);
  await writeTree(entries, at("tree"));
  assert.equal(await runOk("diff", ["--recursive", at("tree"), images.weir.root]), "");
});

test("an image holds its programs and their loader: no shell", onLinux, async () => {
  for (const [name, known] of [
    ["weir", ["/usr/bin/prlimit", "/usr/local/bin/node"]],
    ["envoy", ["/usr/local/bin/envoy", "/usr/sbin/nft"]],
  ] as const) {
    const [loader, ...rest] = await programs(images[name]);
    assert.match(loader ?? "", /^\/lib(64)?\/ld-linux-[a-z0-9_-]+\.so\.\d$/);
    assert.deepEqual(rest, known);
    assert.equal(images[name].config.User, `${USER}:${USER}`);
  }
});

test("docs/install.md names every program and library in the images, with its license", onLinux, async () => {
  const page = await readFile(join(ROOT, "docs/install.md"), "utf8");
  const table = page.split("\n## ").find((text) => text.startsWith("What the images hold\n")) ?? "";
  for (const name of NAMES) {
    const found = await readdir(images[name].root, { recursive: true, withFileTypes: true });
    const files = found.filter(
      (entry) => entry.isFile() && /^\/(usr\/|lib|etc\/ssl\/)/.test(entry.parentPath.slice(images[name].root.length)),
    );
    const named = files.filter(({ name: file }) => !/^ld-linux|^LICENSE$/.test(file));
    assert.ok(named.length > 5, named.join());
    for (const { name: file } of named) assert.ok(table.includes(`\`${file}\``), file);
  }
  assert.match(await readFile(join(images.weir.root, "usr/share/doc/node/LICENSE"), "utf8"), /^Node\.js is licensed/);
});

test("the Dockerfile says of each image what its configuration says", onLinux, async () => {
  const stages = (await readFile(join(ROOT, "Dockerfile"), "utf8")).split(/^FROM /m);
  for (const name of NAMES) {
    const stage = stages.find((text) => text.startsWith(`scratch AS ${name}\n`)) ?? "";
    const { User, Env, Entrypoint, WorkingDir } = images[name].config;
    const lines = [
      `USER ${User}`,
      ...Env.map((entry) => `ENV ${entry}`),
      `WORKDIR ${WorkingDir}`,
      `ENTRYPOINT ${JSON.stringify(Entrypoint)}`,
    ];
    assert.deepEqual(stage.trim().split("\n").slice(2), lines);
  }
});

describe("in the image", () => {
  let weir = "";
  let envoy = "";

  before(async () => {
    if (needsRoot.skip !== false) return;
    await mkdir(at("volume"));
    await chown(at("volume"), USER, USER);
    weir = await entrypointOf(images.weir, at("volume"), at("run-weir"));
    envoy = await entrypointOf(images.envoy, at("volume"), at("run-envoy"));
  });

  test("weir and Envoy start, as the image's user, with nothing of the machine", needsRoot, async () => {
    assert.match(await runOk(weir, ["version"]), /^weir \d+\.\d+\.\d+ \(Node 24\./);
    assert.match(await runOk(envoy, ["--version"]), /version: /);
    const outside = await run(weir, ["verify", join(ROOT, "package.json")]);
    assert.match(outside.stderr, /there is no file/);
  });

  test("a module is proved in a process of its own", needsRoot, async () => {
    const { addHeaderAs, missingImport } = await buildExamples();
    await writeFile(at("volume/good.wasm"), await readFile(addHeaderAs.v1));
    await writeFile(at("volume/bad.wasm"), await readFile(missingImport));
    assert.match(await runOk(weir, ["verify", "/var/lib/weir/good.wasm"]), /response header added: x-weir: v1/);
    const refused = await run(weir, ["verify", "/var/lib/weir/bad.wasm"]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /bad\.wasm would be refused/);
  });

  test("a filter of a folder comes to be a header in Envoy, both from their images", needsRoot, async (t) => {
    const { addHeaderAs } = await buildExamples();
    await writeFile(at("volume/module.wasm"), await readFile(addHeaderAs.v1));
    await runOk(weir, ["push", "/var/lib/weir/module.wasm", "oci-layout:/var/lib/weir/images:v1"]);
    await mkdir(at("volume/filters"));
    const spec = { image: "oci-layout:/var/lib/weir/images:v1" };
    const filter = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: { name: "add-header" }, spec };
    await writeFile(at("volume/filters/a.json"), JSON.stringify(filter));
    const server = await startWeir({ source: ["--filters", "/var/lib/weir/filters"], data: "/var/lib/weir/data", bin: weir });
    t.after(() => server.stop());
    const app = await startEchoApp();
    t.after(() => app.stop());
    const port = await reservePort();
    const where = ["--xds", `127.0.0.1:${server.xdsPort}`, "--listen", `127.0.0.1:${port}`, "--upstream", `127.0.0.1:${app.port}`];
    const config = await runOk(weir, ["bootstrap", "--node", "web-1", ...where]);
    const proxy = await startProcess(envoy, [
      "--config-yaml",
      config,
      "--disable-hot-restart",
      "--concurrency",
      "1",
      "--log-level",
      "warning",
    ]);
    t.after(() => proxy.stop());
    await eventually("the header", async () => (await get(port)).headers["x-weir"] === "v1");
    await server.until("Ready", "add-header", (seen) => condition(seen, "Ready") === "True Ready");
    const children = (await readFile(`/proc/${server.pid()}/task/${server.pid()}/children`, "utf8")).trim().split(" ");
    const [limits = ""] = await Promise.all(children.map((pid) => readFile(`/proc/${pid}/limits`, "utf8")));
    assert.match(limits, /Max open files\s+64\s+64 /, "the prover that waits has the kernel's bounds, with no shell to set them");
    assert.match(limits, /Max core file size\s+0\s+0 /);
    const status = await readFile(`/proc/${server.pid()}/status`, "utf8");
    assert.match(status, new RegExp(`^Uid:\\t${USER}\\t`, "m"), "the pid is weir's own, and its user the image's");
    t.diagnostic(`weir serve with one proxy: ${/VmRSS:\s+(\d+ kB)/.exec(status)?.[1]} resident`);
  });
});
