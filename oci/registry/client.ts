import type { RegistryReference } from "../repository/reference.ts";
import type { Repository } from "../repository/repository.ts";
import { fetchBlob, putBlob } from "./blobs.ts";
import { fetchManifest, holds, peek, putManifest } from "./manifests.ts";
import { createSession, type SessionOptions } from "./session.ts";
import { listTags } from "./tags.ts";

/**
 * A repository in a registry that speaks the OCI distribution API. Make one per operation and caller: its session holds a token.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
export function createRemoteRepository(reference: RegistryReference, options: SessionOptions): Repository {
  const session = createSession(reference, options);
  return {
    name: session.name,
    peek: (tag, signal) => peek(session, tag, signal),
    holds: (digest, signal) => holds(session, digest, signal),
    manifest: (wanted, signal) => fetchManifest(session, wanted, signal),
    blob: (descriptor, limit, signal) => fetchBlob(session, descriptor, limit, signal),
    tags: (signal) => listTags(session, signal),
    putBlob: (bytes, digest, signal) => putBlob(session, bytes, digest, signal),
    putManifest: (bytes, mediaType, tag, signal) => putManifest(session, bytes, mediaType, tag, signal),
  };
}
