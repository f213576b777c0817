import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KeychainEntry } from "../../model/module.ts";
import { json, reply } from "../testing/fake-registry.ts";
import { type Intercept, MODULE, withRemote } from "../testing/remote.ts";
import { failed, valued } from "../testing/result.ts";

const users = (...names: readonly string[]): KeychainEntry[] => names.map((username) => ({ username, password: `pw-${username}` }));
const basic = (user: string) => `Basic ${Buffer.from(`${user}:pw-${user}`).toString("base64")}`;

/** Lets `good` in; what it answers to others is `refuse`'s. */
const only =
  (good: string, refuse: (user: string) => { status: number; code: string }): Intercept =>
  (request, response) => {
    const { authorization } = request.headers;
    if (authorization === basic(good)) return false;
    if (authorization === undefined) reply(response, 401, { "www-authenticate": 'Basic realm="r"' });
    else {
      const { status, code } = refuse(Buffer.from(authorization.slice(6), "base64").toString().split(":")[0] ?? "");
      json(response, status, { errors: [{ code }] });
    }
    return true;
  };

describe("every matching credential is tried", () => {
  for (const [status, code] of [
    [401, "UNAUTHORIZED"],
    [403, "DENIED"],
    [404, "NAME_UNKNOWN"],
    [429, "TOOMANYREQUESTS"],
  ] as const) {
    test(`after ${status} for the first two the third lets in, and is used from then on`, async () => {
      await withRemote(
        only("three", () => ({ status, code })),
        async ({ fake, open, module }) => {
          const repository = open({ credentials: users("one", "two", "three") });
          assert.deepEqual(valued(await module(repository)), MODULE);
          const used = fake.requests.flatMap(({ headers }) => headers.authorization ?? []);
          assert.deepEqual([...new Set(used)], [basic("one"), basic("two"), basic("three")]);
          assert.ok(used.slice(used.indexOf(basic("three"))).every((each) => each === basic("three")));
        },
      );
    });
  }

  test("referrers are listed by who may read the repository, though others are told that there is nothing", async () => {
    const digest = `sha256:${"a".repeat(64)}` as const;
    const mediaType = "application/vnd.oci.image.index.v1+json";
    const list: Intercept = (request, response) => {
      if (only("two", () => ({ status: 404, code: "NAME_UNKNOWN" }))(request, response)) return true;
      const manifests = [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 2 }];
      json(response, 200, { schemaVersion: 2, mediaType, manifests }, { "content-type": mediaType });
      return true;
    };
    await withRemote(list, async ({ open }) => {
      const found = valued(await open({ credentials: users("one", "two") }).referrers(digest));
      assert.deepEqual(
        found?.map((each) => each.digest),
        [digest],
      );
      assert.equal(valued(await open({ credentials: users("one") }).referrers(digest)), undefined);
    });
  });

  test("a failure that is not about access ends it", async () => {
    await withRemote(
      only("three", () => ({ status: 500, code: "UNKNOWN" })),
      async ({ fake, open, module }) => {
        failed(await module(open({ credentials: users("one", "three") })), "RegistryUnavailable");
        assert.ok(!fake.requests.some(({ headers }) => headers.authorization === basic("three")));
      },
    );
  });

  test("when none is let in, all are named, and so is what could not be read", async () => {
    const problem = "entry 1 of `auths` of Secret shop/a has an `auth` that is not base64 of username:password";
    await withRemote(
      only("nobody", () => ({ status: 401, code: "UNAUTHORIZED" })),
      async ({ open, module }) => {
        const { message } = failed(await module(open({ credentials: [...users("one"), { problem }, ...users("two")] })), "AccessDenied");
        assert.match(
          message,
          /user "one" were used; .*; the credentials of user "two" were tried too; entry 1 of `auths` of Secret shop\/a .*, so it was left out$/,
        );
        assert.ok(!message.includes("pw-"));
        const alone = failed(await module(open({ credentials: [{ problem }] })), "AccessDenied");
        assert.match(alone.message, /none are given for this registry.*; entry 1 of `auths` of Secret shop\/a /);
      },
    );
  });

  test("those that no filter names are not told by their user, and after them it is tried without any", async () => {
    const implied = users("one").map((entry) => ({ ...entry, implied: "Weir's own credentials" }));
    await withRemote(
      only("nobody", () => ({ status: 401, code: "UNAUTHORIZED" })),
      async ({ fake, open, module }) => {
        const { message } = failed(await module(open({ credentials: implied })), "AccessDenied");
        assert.match(message, /Weir's own credentials were used/);
        assert.ok(!message.includes('one"'), message);
        assert.equal(fake.requests.at(-1)?.headers.authorization, undefined);
      },
    );
    const refusesUser: Intercept = (request, response) => {
      if (request.headers.authorization === undefined) return false;
      json(response, 401, { errors: [{ code: "UNAUTHORIZED" }] });
      return true;
    };
    await withRemote(refusesUser, async ({ open, module }) => void valued(await module(open({ credentials: implied }))));
  });

  test("whoever may look and finds nothing is told so, whoever else was denied", async () => {
    const refuse = (user: string) => (user === "two" ? { status: 404, code: "MANIFEST_UNKNOWN" } : { status: 401, code: "DENIED" });
    await withRemote(only("nobody", refuse), async ({ open, module }) => {
      failed(await module(open({ credentials: users("one", "two", "three") })), "ImageNotFound");
    });
  });
});
