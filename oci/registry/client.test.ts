import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findImage } from "../image/image.ts";
import { httpOptions } from "../open.ts";
import { json, reply } from "../testing/fake-registry.ts";
import { addArtifact, createContent, wasm } from "../testing/images.ts";
import { type Intercept, MODULE, onBlob, withRemote } from "../testing/remote.ts";
import { failed } from "../testing/result.ts";
import { createRemoteRepository } from "./client.ts";

describe("manifests", () => {
  test("a manifest that is not what its digest says is refused, and so is a digest header that lies", async () => {
    const content = createContent();
    const honest = addArtifact(content, MODULE, "v1");
    const other = addArtifact(content, wasm("other"));
    const lie: Intercept = (request, response) => {
      if (!request.url?.includes("/manifests/")) return false;
      const bytes = content.manifests.get(other.digest)?.bytes ?? new Uint8Array();
      reply(response, 200, { "content-type": other.mediaType, "docker-content-digest": honest.digest }, bytes);
      return true;
    };
    await withRemote(lie, async ({ repository }) => {
      failed(await findImage(repository, honest.digest), "DigestMismatch");
      failed(await findImage(repository, "v1"), "DigestMismatch");
    });
  });

  test("a manifest larger than 4 MiB is refused", async () => {
    const huge: Intercept = (request, response) => {
      if (request.method !== "GET") return false;
      reply(response, 200, { "content-type": "application/json" }, new Uint8Array(5 << 20));
      return true;
    };
    await withRemote(huge, async ({ repository }) => void failed(await findImage(repository, "v1"), "InvalidManifest"));
  });
});

describe("what a registry answers instead", () => {
  test("unknown image, missing layer, denied, rate limit and a failing registry each have their own reason", async () => {
    const answering =
      (status: number, headers: Record<string, string> = {}, code = "DENIED"): Intercept =>
      (_request, response) => {
        json(response, status, { errors: [{ code, message: "<b>from the registry</b>" }] }, headers);
        return true;
      };
    const table: [Intercept, string, boolean, RegExp][] = [
      [answering(404), "ImageNotFound", false, /team\/filter has no image v1/],
      [answering(401, { "www-authenticate": 'Basic realm="x"' }), "AccessDenied", false, /user "robot"/],
      [answering(403), "AccessDenied", false, /403: DENIED/],
      [answering(429, { "retry-after": "17" }), "RateLimited", true, /try again in 17 s/],
      [answering(403, {}, "THE_ADMIN_PASSWORD"), "AccessDenied", false, /\(403\)/],
      [answering(503), "RegistryUnavailable", true, /503: DENIED/],
      [answering(418), "RegistryRefused", false, /418/],
    ];
    for (const [intercept, reason, retryable, message] of table) {
      await withRemote(intercept, async ({ repository }) => {
        const failure = failed(await findImage(repository, "v1"), reason);
        assert.equal(failure.retryable, retryable, reason);
        assert.match(failure.message, message);
        assert.ok(!failure.message.includes("<b>") && !failure.message.includes("hunter2"), failure.message);
      });
    }
    await withRemote(
      onBlob((_request, response) => json(response, 404, {})),
      async ({ module }) => void failed(await module(), "BlobNotFound"),
    );
  });

  test("no credentials at a private registry is said as such", async () => {
    const asking: Intercept = (_request, response) => {
      reply(response, 401, { "www-authenticate": 'Basic realm="x"' });
      return true;
    };
    await withRemote(asking, async ({ open }) => {
      const failure = failed(await findImage(open({ credentials: [] }), "v1"), "AccessDenied");
      assert.match(failure.message, /name a pull secret .* in spec\.pullSecrets/);
    });
  });

  test("a registry that nobody answers for is unavailable for now, by host and cause", async () => {
    // The kernel never picks a port below 1024, so nothing listens there.
    const nowhere = { kind: "registry", registry: "127.0.0.1:2", repository: "team/filter", tag: "v1", digest: undefined } as const;
    const repository = createRemoteRepository(nowhere, { http: httpOptions({}), credentials: [] });
    const failure = failed(await findImage(repository, "v1"), "RegistryUnavailable");
    assert.ok(failure.retryable);
    assert.match(failure.message, /^127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/);
  });

  test("a canceled request says so", async () => {
    const controller = new AbortController();
    const never: Intercept = () => {
      controller.abort();
      return true;
    };
    await withRemote(never, async ({ repository }) => void failed(await repository.manifest("v1", controller.signal), "Canceled"));
  });
});
