import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { Digest } from "../../model/digest.ts";
import type { ModuleRegistry, PullOptions } from "../../model/module.ts";
import { createModuleRegistry, type ModuleRegistryOptions } from "../module-registry.ts";
import { type FakeRegistry, startFakeRegistry } from "./fake-registry.ts";
import { type Content, wasm } from "./images.ts";

export const MODULE = wasm("the module", 5000);
export const anonymous: PullOptions = { keychain: new Map(), namespace: "shop" };

/** As a filter asks whose revisions have these digests; its namespace has no others. */
export function keeping(...digests: readonly Digest[]): PullOptions {
  return keepingModules(new Map(digests.map((digest) => [digest, undefined])));
}

/** The same; the revisions have these modules. */
export function keepingModules(modules: ReadonlyMap<Digest, Digest | undefined>): PullOptions {
  const keeps = (digest: Digest) => modules.has(digest);
  const moduleOf = (digest: Digest) => modules.get(digest);
  return { ...anonymous, kept: { byFilter: keeps, moduleOf, byNamespace: keeps, modules: () => new Set() } };
}

const base = await mkdtemp(join(tmpdir(), "weir-oci-"));
after(() => rm(base, { recursive: true, force: true }));

/** A module registry on a data folder of its own, or on the one given: as after a restart. */
export async function registryOn(options: Partial<ModuleRegistryOptions> = {}): Promise<{ registry: ModuleRegistry; dataDir: string }> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(base, "data-")));
  return { registry: createModuleRegistry({ ...options, dataDir }), dataDir };
}

/** Runs with a registry in memory, and stops it. */
export async function withFake(content: Content, run: (fake: FakeRegistry) => Promise<void>): Promise<void> {
  const fake = await startFakeRegistry(content);
  try {
    await run(fake);
  } finally {
    await fake.stop();
  }
}

/** Waits until the condition holds; fails after five seconds. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, "condition not met in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
