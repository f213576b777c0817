import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Digest } from "../../model/digest.ts";
import { manifestTypes } from "../repository/manifest.ts";
import { reply } from "../testing/fake-registry.ts";
import { type Intercept, withRemote } from "../testing/remote.ts";
import { failed, valued } from "../testing/result.ts";

const SUBJECT: Digest = `sha256:${"5".repeat(64)}`;
const digestAt = (page: number): Digest => `sha256:${String(page).padStart(64, "0")}`;

/** A list of one referrer a page; `link` names the page after this one. */
function paged(pages: number, link: (next: number, host: string) => string): Intercept {
  return (request, response) => {
    const [, page] = /\/referrers\/sha256:[^?]+(?:\?page=(\d+))?$/.exec(request.url ?? "") ?? [];
    if (!request.url?.includes("/referrers/")) return false;
    const at = Number(page ?? 1);
    const manifests = [{ mediaType: manifestTypes.ociManifest, digest: digestAt(at), size: 2 }];
    const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: manifestTypes.ociIndex, manifests }));
    const next = at < pages ? { link: link(at + 1, request.headers.host ?? "") } : undefined;
    reply(response, 200, { "content-type": manifestTypes.ociIndex, ...next }, body);
    return true;
  };
}

const path = (page: number) => `/v2/team/filter/referrers/${SUBJECT}?page=${page}`;

describe("the referrers of a manifest", () => {
  for (const [how, link] of [
    ["by a path", (page: number) => `<${path(page)}>; rel="next"`],
    ["by a URL", (page: number, host: string) => `<http://${host}${path(page)}>; rel=next`],
    ["by a host that only the registry knows", (page: number) => `<https://inside.example${path(page)}>; rel="next"`],
  ] as const) {
    test(`are read page by page where the next is named ${how}`, async () => {
      await withRemote(paged(20, link), async ({ repository, fake }) => {
        const listed = valued(await repository.referrers(SUBJECT));
        assert.deepEqual(
          listed?.map(({ digest }) => digest),
          Array.from({ length: 20 }, (_, i) => digestAt(i + 1)),
        );
        assert.equal(fake.requests.length, 20);
      });
    });
  }

  test("on more than 20 pages are refused, and no part of them is given", async () => {
    await withRemote(
      paged(21, (page) => `<${path(page)}>; rel="next"`),
      async ({ repository, fake }) => {
        assert.match(failed(await repository.referrers(SUBJECT), "TooManyReferrers").message, /more than 20 pages/);
        assert.equal(fake.requests.length, 20);
      },
    );
  });

  test("that lead back to where they were are refused", async () => {
    await withRemote(
      paged(99, () => `<${path(2)}>; rel="next"`),
      async ({ repository }) => {
        assert.match(failed(await repository.referrers(SUBJECT), "RegistryRefused").message, /leads back/);
      },
    );
  });

  test("whose second page fails are not half a list", async () => {
    const first = paged(2, (page) => `<${path(page)}>; rel="next"`);
    const intercept: Intercept = (request, response) => {
      if (!request.url?.endsWith("page=2")) return first(request, response);
      reply(response, 404, {});
      return true;
    };
    await withRemote(intercept, async ({ repository }) => void failed(await repository.referrers(SUBJECT), "RegistryRefused"));
  });
});
