import { fail, ok } from "../../model/result.ts";
import { tooLarge } from "../repository/bytes.ts";
import type { RegistryReference } from "../repository/reference.ts";
import type { Repository } from "../repository/repository.ts";
import { collect, taking } from "../repository/transfer.ts";
import { Attempts, type RemoteOptions } from "./attempts.ts";
import { streamBlob } from "./blobs.ts";
import { fetchManifest, holds, peek, putManifest } from "./manifests.ts";
import { fetchReferrers } from "./referrers.ts";
import { listTags } from "./tags.ts";
import { holdsBlob, mountBlob, putBlob, startUpload, uploadStream } from "./transfer.ts";

/**
 * A repository in a registry that speaks the OCI distribution API. Make one per operation and caller: its sessions hold tokens.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */
export function createRemoteRepository(reference: RegistryReference, options: RemoteOptions): Repository {
  const attempts = new Attempts(reference, options);
  return {
    name: attempts.name,
    place: { registry: reference.registry, repository: reference.repository },
    peek: (tag, signal) =>
      attempts.run(
        (session) => peek(session, tag, signal),
        (digest) => digest !== undefined,
      ),
    holds: (digest, signal) =>
      attempts.run(
        (session) => holds(session, digest, signal),
        (isHeld) => isHeld,
      ),
    manifest: (wanted, signal) => attempts.run((session) => fetchManifest(session, wanted, signal)),
    async blob(descriptor, limit, signal) {
      const { digest, size } = descriptor;
      if (size > limit) return fail("ModuleTooLarge", tooLarge(`layer ${digest} of ${attempts.name}`, size, limit));
      return attempts.run((session) => taking(streamBlob(session, descriptor, signal), collect(size)));
    },
    receive: (descriptor, take, signal) => attempts.run((session) => taking(streamBlob(session, descriptor, signal), take)),
    // A registry that hides the repository from some of the credentials answers as one without the API.
    referrers: (digest, signal) =>
      attempts.run(
        (session) => fetchReferrers(session, digest, signal),
        (listed) => listed !== undefined,
      ),
    tags: (signal) => attempts.run((session) => listTags(session, signal)),
    holdsBlob: ({ digest }, signal) => attempts.run((session) => holdsBlob(session, digest, signal)),
    async putStream(descriptor, pieces, signal) {
      const place = await attempts.run((session) => startUpload(session, signal));
      return place.ok ? uploadStream(attempts.session(), place.value, descriptor, pieces, signal) : place;
    },
    mount: async (digest, from, signal) => {
      if (from.registry !== reference.registry) return ok(false);
      return attempts.run((session) => mountBlob(session, digest, from.repository, signal));
    },
    putBlob: (bytes, digest, signal) => attempts.run((session) => putBlob(session, bytes, digest, signal)),
    putManifest: (bytes, mediaType, tag, signal) => attempts.run((session) => putManifest(session, bytes, mediaType, tag, signal)),
  };
}
