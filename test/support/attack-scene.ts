import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { startFakeRegistry } from "../../oci/testing/fake-registry.ts";
import { addBlob, addManifest, compress, tar } from "../../oci/testing/images.ts";
import { createTempFolder } from "./temp-folder.ts";
import { startWeir, type Weir } from "./weir.ts";

/** A `weir serve` as users start it, a registry with the attackers' modules, and a watch on what the server takes. */
export interface AttackScene {
  readonly weir: Weir;
  /** Puts a module into the registry, in a compressed archive, as a few KB may hold 64 MiB. */
  push(tag: string, module: Uint8Array): Promise<void>;
  /** Writes a WasmFilter that names an image of `push`. */
  apply(name: string, namespace: string, tag: string, config?: string): Promise<void>;
  /** Resident memory of the server in MiB; the most since the last call in `peak`. */
  memory(): { readonly now: number; readonly peak: number };
  /** The longest that /healthz took to answer since the last call, in milliseconds. */
  slowest(): number;
}

const WATCH_MS = 20;

/** `flags` are added to those of the server. */
export async function startAttackScene(t: TestContext, flags: readonly string[] = []): Promise<AttackScene> {
  const folder = await createTempFolder("attack");
  const registry = await startFakeRegistry();
  const filters = join(folder.path, "filters");
  await mkdir(filters);
  const weir = await startWeir({ source: ["--filters", filters], data: join(folder.path, "data"), cwd: folder.path, flags });
  const watch = watchServer(weir);
  t.after(async () => {
    watch.stop();
    await weir.stop();
    await registry.stop();
    await folder.remove();
  });
  return {
    weir,
    memory: watch.memory,
    slowest: watch.slowest,
    async push(tag, module) {
      const layer = addBlob(
        registry.content,
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        compress.gzip(await tar([{ name: "plugin.wasm", bytes: module }])),
      );
      addManifest(registry.content, "application/vnd.docker.container.image.v1+json", [layer], tag);
    },
    async apply(name, namespace, tag, config = "") {
      const metadata = { name, namespace };
      const manifest = {
        apiVersion: "weir.dev/v1alpha1",
        kind: "WasmFilter",
        metadata,
        spec: { image: `${registry.host}/filters/it:${tag}`, config },
      };
      await writeFile(join(folder.path, `${name}.json`), JSON.stringify(manifest));
      await rename(join(folder.path, `${name}.json`), join(filters, `${name}.json`));
    },
  };
}

function watchServer(weir: Weir) {
  let [now, peak, slowest] = [0, 0, 0];
  let isOver = false;
  const look = async (): Promise<void> => {
    const status = await readFile(`/proc/${weir.pid()}/status`, "utf8").catch(() => "");
    now = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    peak = Math.max(peak, now);
  };
  const ask = async (): Promise<void> => {
    const began = performance.now();
    await fetch(`${weir.url}/healthz`).then(
      (answer) => answer.text(),
      () => undefined,
    );
    slowest = Math.max(slowest, performance.now() - began);
  };
  const pause = () => new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  const repeat = async (act: () => Promise<void>): Promise<void> => {
    while (!isOver) {
      await act();
      await pause();
    }
  };
  void repeat(look);
  void repeat(ask);
  return {
    memory() {
      const seen = { now, peak };
      peak = now;
      return seen;
    },
    slowest() {
      const seen = slowest;
      slowest = 0;
      return seen;
    },
    stop() {
      isOver = true;
    },
  };
}
