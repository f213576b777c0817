import type { Credentials } from "../../model/module.ts";
import { httpOptions } from "../open.ts";
import { createRemoteRepository } from "../registry/client.ts";
import type { Content } from "./images.ts";
import { valued } from "./result.ts";

/** Puts everything into a repository of a real registry, as it is: what other tools would have pushed. */
export async function upload(registry: string, repository: string, content: Content, credentials?: Credentials): Promise<void> {
  const reference = { kind: "registry", registry, repository, tag: undefined, digest: undefined } as const;
  const target = createRemoteRepository(reference, { http: httpOptions({}), credentials: credentials === undefined ? [] : [credentials] });
  for (const [digest, bytes] of content.blobs) valued(await target.putBlob(bytes, digest));
  for (const [digest, { bytes, mediaType }] of content.manifests) {
    valued(await target.putManifest(bytes, mediaType, undefined));
    for (const [tag, tagged] of content.tags) if (tagged === digest) valued(await target.putManifest(bytes, mediaType, tag));
  }
}
