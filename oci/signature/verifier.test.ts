import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import type { Digest } from "../../model/digest.ts";
import type { VerifyRequirement } from "../../model/verify.ts";
import type { FakeRegistry } from "../testing/fake-registry.ts";
import { type RemoteBench, withRemote } from "../testing/remote.ts";
import { failed, valued } from "../testing/result.ts";
import { readPrivateKey } from "./private-key.ts";
import { signImage } from "./sign.ts";
import { createVerifier } from "./verifier.ts";

const keychain = new Map();
const verifier = createVerifier({});

/** Signs the image of the bench with a new key. Gives what demands that key's signature. */
async function signed({ fake }: RemoteBench, origin: string): Promise<VerifyRequirement> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = valued(await readPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), ""));
  valued(await signImage(`${fake.host}/team/filter:v1`, undefined, { keychain, key, created: "2026-01-01T00:00:00Z" }));
  return {
    origin,
    attestation: undefined,
    signer: { kind: "key", publicKey: publicKey.export({ type: "spki", format: "pem" }).toString() },
  };
}

function imageOf({ host, content }: FakeRegistry): { readonly image: string; readonly digest: Digest } {
  return { image: `${host}/team/filter`, digest: content.tags.get("v1") ?? assert.fail() };
}

/** What was fetched for signatures since, in its order. */
function fetched({ requests }: FakeRegistry, since: number): readonly string[] {
  const all = requests.slice(since).map(({ path }) => /\/(manifests\/sha256:|blobs)/.exec(path)?.[1]);
  return all.flatMap((each) => (each === undefined ? [] : each === "blobs" ? "signature" : "manifest"));
}

describe("the signatures of an image", () => {
  test("are fetched one at a time, the newest first, and none once there is a verdict for every requirement", () =>
    withRemote(
      () => false,
      async (bench) => {
        const oldest = await signed(bench, "oldest");
        await signed(bench, "between");
        const newest = await signed(bench, "newest");
        const { image, digest } = imageOf(bench.fake);
        const look = async (requirement: VerifyRequirement) => {
          const since = bench.fake.requests.length;
          const [judged] = valued(await verifier.verify(image, digest, [requirement], { keychain }));
          valued(judged ?? assert.fail());
          return fetched(bench.fake, since);
        };
        assert.deepEqual(await look(newest), ["manifest", "signature"]);
        assert.deepEqual(await look(oldest), ["manifest", "signature", "manifest", "signature", "manifest", "signature"]);
      },
    ));

  test("are fetched once for what is demanded and what is audited", () =>
    withRemote(
      () => false,
      async (bench) => {
        const demanded = await signed(bench, "demanded");
        const audited = await signed(bench, "audited");
        const { image, digest } = imageOf(bench.fake);
        const since = bench.fake.requests.length;
        const audit = { requirements: [audited], signal: new AbortController().signal };
        const judged = valued(await verifier.verify(image, digest, [demanded], { keychain, audit }));
        assert.deepEqual(
          judged.map(({ ok }) => ok),
          [true, true],
        );
        assert.deepEqual(fetched(bench.fake, since), ["manifest", "signature", "manifest", "signature"]);
      },
    ));

  test("that are audited alone wait no longer than their signal says, and what is demanded holds", async () => {
    const late = new AbortController();
    let blobs = 0;
    const silent: FakeRegistry["intercept"] = ({ url, method }) => {
      const isSecond = method === "GET" && url?.includes("/blobs/") === true && ++blobs === 2;
      if (isSecond) late.abort();
      return isSecond;
    };
    await withRemote(
      () => false,
      async (bench) => {
        const audited = await signed(bench, "audited");
        const demanded = await signed(bench, "demanded");
        bench.fake.intercept = silent;
        const { image, digest } = imageOf(bench.fake);
        const audit = { requirements: [audited], signal: late.signal };
        const [first, second] = valued(await verifier.verify(image, digest, [demanded], { keychain, audit }));
        valued(first ?? assert.fail());
        failed(second ?? assert.fail(), "SignaturesSlow");
        assert.equal(blobs, 2);
      },
    );
  });

  test("that cannot be read fail the look only while something that is demanded waits for them", async () => {
    let blobs = 0;
    await withRemote(
      () => false,
      async (bench) => {
        const older = await signed(bench, "older");
        const newer = await signed(bench, "newer");
        bench.fake.intercept = ({ url, method }, response) => {
          if (method !== "GET" || url?.includes("/blobs/") !== true || ++blobs % 2 === 1) return false;
          response.writeHead(403).end();
          return true;
        };
        const { image, digest } = imageOf(bench.fake);
        const whole = failed(await verifier.verify(image, digest, [newer, older], { keychain }), "AccessDenied");
        assert.equal(whole.retryable, true);
        const audit = { requirements: [older], signal: new AbortController().signal };
        const [first, second] = valued(await verifier.verify(image, digest, [newer], { keychain, audit }));
        valued(first ?? assert.fail());
        failed(second ?? assert.fail(), "AccessDenied");
      },
    );
  });
});
