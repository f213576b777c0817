import type { IncomingMessage, ServerResponse } from "node:http";
import type { Credentials, KeychainEntry } from "../../model/module.ts";
import type { Result } from "../../model/result.ts";
import { fetchWhole, findImage } from "../image/image.ts";
import { httpOptions, type OciOptions } from "../open.ts";
import { createRemoteRepository } from "../registry/client.ts";
import type { Repository } from "../repository/repository.ts";
import { type FakeRegistry, startFakeRegistry } from "./fake-registry.ts";
import { addArtifact, createContent, wasm } from "./images.ts";

export const MODULE = wasm("module", 300_000);
export const credentials: Credentials = { username: "robot", password: "hunter2" };

export type Intercept = FakeRegistry["intercept"];

export interface RemoteBench {
  readonly fake: FakeRegistry;
  readonly repository: Repository;
  open(options?: OciOptions & { credentials?: readonly KeychainEntry[] }): Repository;
  /** The whole way of a module: tag, manifest, layer. */
  module(repository?: Repository): Promise<Result<Uint8Array>>;
}

/** A registry that holds MODULE as `v1`, with `intercept` in front of it. */
export async function withRemote(intercept: Intercept, run: (bench: RemoteBench) => Promise<void>): Promise<void> {
  const content = createContent();
  addArtifact(content, MODULE, "v1");
  const fake = await startFakeRegistry(content);
  fake.intercept = intercept;
  const open: RemoteBench["open"] = (options = {}) =>
    createRemoteRepository(
      { kind: "registry", registry: fake.host, repository: "team/filter", tag: "v1", digest: undefined },
      { http: httpOptions(options), credentials: options.credentials ?? [credentials] },
    );
  const repository = open();
  const module: RemoteBench["module"] = async (from = repository) => {
    const image = await findImage(from, "v1");
    if (!image.ok) return image;
    const fetched = await fetchWhole(from, image.value, { moduleBytes: 1 << 20, archiveBytes: 1 << 20 });
    return fetched.ok ? { ok: true, value: fetched.value.bytes } : fetched;
  };
  try {
    await run({ fake, repository, open, module });
  } finally {
    await fake.stop();
  }
}

/** Answers requests for blobs; the registry itself answers the others. */
export const onBlob =
  (answer: (request: IncomingMessage, response: ServerResponse) => void): Intercept =>
  (request, response) => {
    if (!request.url?.includes("/blobs/")) return false;
    answer(request, response);
    return true;
  };
