import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { createKeyring } from "../../base/keyring.ts";
import type { Digest } from "../../model/digest.ts";
import { configurationOf } from "../../model/plugin-configuration.ts";
import { type Revision, withoutSecretText } from "../../model/revision.ts";
import { DEFAULT_SETTINGS, type PluginSettings } from "../../model/settings.ts";
import { fromRecord } from "../source/revision-record.ts";
import { createRevisionIdentity, formerHash } from "./revision-identity.ts";
import { findOrMake, findRevision, restore } from "./revisions.ts";

const KEY = { namespace: "shop", name: "a" };
const DIGEST: Digest = `sha256:${"ab".repeat(32)}`;
const CONTENT = { digest: DIGEST, wasmDigest: DIGEST };
const SECRET = { secretConfig: { name: "s", key: "k" } };

const identityOf = (privateKey: string) =>
  createRevisionIdentity(createKeyring(Buffer.alloc(32, privateKey)).keyedHash("revision identity"));
const identity = identityOf("a");
const hashOf = (settings: PluginSettings) => identity.hashOf(KEY, { ...CONTENT, settings });

/** Few values each, so that equal settings come up often; the odd ones are texts that a careless encoding would confuse. */
const word = fc.constantFrom("", "default", "x", '"', "a,b", "\u2028", "\ud800");
const anySettings: fc.Arbitrary<PluginSettings> = fc
  .record(
    {
      type: fc.constantFrom("HTTP", "Network"),
      slot: word,
      priority: fc.integer({ min: -1, max: 1 }),
      rootId: word,
      failurePolicy: fc.constantFrom("Reload", "Closed", "Open"),
      config: word,
      env: fc.array(fc.record({ name: word, value: word }, { noNullPrototype: true }), { maxLength: 2 }),
      capabilities: fc.option(fc.array(word, { maxLength: 2 }), { nil: undefined }),
      allowOnHeadersStopIteration: fc.constantFrom(true, undefined),
    },
    { noNullPrototype: true },
  )
  .map((given) => ({ ...DEFAULT_SETTINGS, ...given }));

function reversed<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).reverse()) as T;
}

describe("the hash of a revision", () => {
  test("is equal for equal settings, and for them alone", () => {
    const pair = fc.tuple(anySettings, anySettings, fc.boolean()).map(([a, b, same]) => [a, same ? structuredClone(a) : b] as const);
    fc.assert(fc.property(pair, ([a, b]) => (hashOf(a) === hashOf(b)) === isDeepStrictEqual(a, b)));
    // Settings that differ in one thing only.
    const step = fc.tuple(anySettings, anySettings, fc.constantFrom(...(Object.keys(DEFAULT_SETTINGS) as (keyof PluginSettings)[])));
    fc.assert(
      fc.property(step, ([a, b, name]) => (hashOf(a) === hashOf({ ...a, [name]: b[name] })) === isDeepStrictEqual(a[name], b[name])),
    );
  });

  test("does not depend on the order of keys", () => {
    const shuffled = (settings: PluginSettings) => reversed({ ...settings, env: settings.env.map(reversed) });
    fc.assert(fc.property(anySettings, (settings) => hashOf(settings) === hashOf(shuffled(settings))));
  });

  test("is the same without a setting that is at its default, and with one that this version does not know", () => {
    const settings = fc.tuple(anySettings, fc.string(), fc.jsonValue()).map(([given, name, value]) => {
      const asked = Object.entries(given).filter(([key, each]) => !isDeepStrictEqual(each, DEFAULT_SETTINGS[key as keyof PluginSettings]));
      return { given, record: { [`new ${name}`]: value, ...Object.fromEntries(asked) } };
    });
    const read = (record: object) => fromRecord({ ...revision(1, ""), settings: record })?.settings ?? assert.fail("unreadable");
    fc.assert(fc.property(settings, ({ given, record }) => hashOf(given) === hashOf(read(record))));
  });

  test("is another for another filter, image or module", () => {
    const other: Digest = `sha256:${"cd".repeat(32)}`;
    const settings = DEFAULT_SETTINGS;
    const hashes = [
      identity.hashOf(KEY, { ...CONTENT, settings }),
      identity.hashOf({ ...KEY, name: "b" }, { ...CONTENT, settings }),
      identity.hashOf(KEY, { ...CONTENT, digest: other, settings }),
      identity.hashOf(KEY, { ...CONTENT, wasmDigest: other, settings }),
    ];
    assert.equal(new Set(hashes).size, hashes.length);
  });

  test("never changes: version 2 of it, written down", () => {
    // All settings there were when version 2 began, at their defaults then. A change here rolls every fleet out anew: make a version 3 instead.
    const plain: PluginSettings = {
      ...DEFAULT_SETTINGS,
      type: "HTTP",
      slot: "default",
      priority: 0,
      rootId: "",
      failurePolicy: "Reload",
      config: "",
      env: [],
      capabilities: undefined,
    };
    const full: PluginSettings = {
      ...plain,
      type: "Network",
      slot: "edge",
      priority: -5,
      rootId: "root",
      failurePolicy: "Open",
      config: '{"a":"ä"}',
      env: [{ name: "A", value: "b" }],
      capabilities: ["proxy_log"],
    };
    assert.equal(hashOf(plain), "v2:f322e8d9a07aaf21131ec55d106d1369");
    assert.equal(hashOf(full), "v2:8cff255d22ec2e30d69e716947cecd9d");
    assert.equal(
      identity.hashOf(KEY, { ...CONTENT, ...SECRET, settings: full }),
      "v2:b0ce518eb19f026a2a6b2e5c18df60f1:hmac:2764e093:6477ba3ccabbd1a53e462b9116c90f85",
    );
  });
});

describe("a text from a Secret", () => {
  const of = (config: string, secret = true) =>
    identity.hashOf(KEY, { ...CONTENT, settings: { ...DEFAULT_SETTINGS, config }, ...(secret ? SECRET : {}) });

  test("has a place of its own in the hash, the last", () => {
    const [one, two] = [of("hunter2"), of("hunter3")].map((hash) => hash.split(":"));
    assert.deepEqual(one?.slice(0, 4), two?.slice(0, 4));
    assert.equal(one?.[2], "hmac");
    assert.notEqual(one?.[4], two?.[4]);
  });

  test("cannot be guessed from the hash: without the key, every guess gives another one", () => {
    const content = { ...CONTENT, ...SECRET, settings: { ...DEFAULT_SETTINGS, config: "hunter2" } };
    const hash = identity.hashOf(KEY, content);
    const stored = { ...revision(1, hash), ...SECRET };
    assert.ok(identity.isOf(KEY, stored, content));
    for (const other of ["b", "c", "d"]) {
      assert.notEqual(identityOf(other).hashOf(KEY, content), hash);
      assert.ok(!identityOf(other).isOf(KEY, stored, content));
    }
  });

  test("makes another revision than the same text in the spec, whose record shows it", () => {
    assert.notEqual(of("hunter2"), of("hunter2", false));
  });

  test("has another hash beside other settings: hashes of texts cannot be compared across filters", () => {
    const elsewhere = identity.hashOf(
      { ...KEY, name: "b" },
      { ...CONTENT, settings: { ...DEFAULT_SETTINGS, config: "hunter2" }, ...SECRET },
    );
    assert.notEqual(of("hunter2").split(":")[4], elsewhere.split(":")[4]);
  });
});

describe("a kept revision", () => {
  const text = (stored: Revision, config: string) => ({ ...stored, settings: { ...stored.settings, config } });
  const now = (held: string, version?: string) => ({ data: Buffer.from(held), version });

  test("keeps number and hash when its content comes again", () => {
    const { revision: made, isNew } = findOrMake(KEY, [], { ...revision(1, ""), ...SECRET }, 0, identity);
    assert.ok(isNew);
    const again = findOrMake(KEY, [made], { ...made }, 1, identity);
    assert.deepEqual(again, { revision: made, isNew: false });
  });

  test("is restored with its Secret's text, and not with another", () => {
    const { revision: made } = findOrMake(KEY, [], { ...text(revision(1, ""), "hunter2"), ...SECRET }, 0, identity);
    const stored = text(made, "");
    assert.deepEqual(restore(KEY, stored, now("hunter2"), identity), made);
    assert.equal(restore(KEY, stored, now("hunter3"), identity), undefined);
    assert.equal(restore(KEY, stored, undefined, identity), undefined);
  });

  test("is restored with its Secret's bytes, and not with others, nor with a text that could stand for them", () => {
    const bytes = Buffer.from([0xff, 0, 0x80]);
    const content = { ...revision(1, ""), settings: { ...revision(1, "").settings, ...configurationOf(bytes) }, ...SECRET };
    const { revision: made } = findOrMake(KEY, [], content, 0, identity);
    const stored = withoutSecretText(made);
    assert.doesNotMatch(JSON.stringify(stored), /\/wCA/);
    assert.deepEqual(restore(KEY, stored, { data: bytes, version: undefined }, identity), made);
    const others = [
      Buffer.from([0xff, 0, 0x81]),
      Buffer.from("/wCA"),
      Buffer.from("\ud800/wCA"),
      Buffer.from(""),
      Buffer.from("\ufffd\0\ufffd"),
    ];
    for (const data of others) assert.equal(restore(KEY, stored, { data, version: undefined }, identity), undefined);
    const text = findOrMake(KEY, [made], { ...made, settings: { ...made.settings, config: "/wCA", configBytes: undefined } }, 1, identity);
    assert.ok(text.isNew);
  });

  test("of a key that was lost is found while its Secret was not written since, and not otherwise", () => {
    const secretConfig = { ...SECRET.secretConfig, version: "uid/7" };
    const { revision: made } = findOrMake(KEY, [], { ...text(revision(1, ""), "hunter2"), secretConfig }, 0, identityOf("lost"));
    const stored = text(made, "");
    assert.deepEqual(restore(KEY, stored, now("hunter2", "uid/7"), identity), made);
    assert.equal(restore(KEY, stored, now("hunter2", "uid/8"), identity), undefined);
    assert.equal(restore(KEY, stored, now("hunter2"), identity), undefined);
    const content = { ...made, secretConfig };
    assert.equal(findRevision(KEY, [stored], content, identity), stored);
    const elsewhere = { ...content, secretConfig: { ...secretConfig, name: "other" } };
    assert.equal(findRevision(KEY, [stored], elsewhere, identity), undefined);
    const reordered = { ...content, settings: { ...content.settings, priority: 1 } };
    assert.equal(findRevision(KEY, [stored], reordered, identity), undefined);
    const unversioned = { ...stored, ...SECRET };
    assert.equal(restore(KEY, unversioned, now("hunter2"), identity), undefined);
  });
});

for (const commit of ["ed90ed3", "a904717"]) {
  describe(`revisions that commit ${commit} wrote`, () => {
    const filters = new URL(`../../test/fixtures/upgrade-${commit}/folder/data/folder/filters/shop/`, import.meta.url);
    const kept = readdirSync(filters).flatMap((name) => {
      const folder = new URL(`${name}/revisions/`, filters);
      return readdirSync(folder).map((file) => ({
        key: { namespace: "shop", name },
        record: JSON.parse(readFileSync(new URL(file, folder), "utf8")),
      }));
    });
    const texts = ["hunter2", "hunter3"];

    test("are found by their content, and those with a text from a Secret have another hash, made without the text", () => {
      assert.ok(kept.length > 20);
      for (const { key, record } of kept) {
        const read = fromRecord(record) ?? assert.fail(`${key.name} ${record.number} cannot be read`);
        const stored = identity.keyed(key, read);
        const whole = texts.flatMap((each) => restore(key, stored, { data: Buffer.from(each), version: undefined }, identity) ?? []);
        const isSecret = stored.secretConfig !== undefined;
        assert.equal(whole.length, isSecret ? 1 : texts.length, `${key.name} ${stored.number}`);
        const [content = stored] = whole;
        assert.equal(findRevision(key, [stored], content, identity), stored);
        assert.equal(findOrMake(key, [stored], content, 0, identity).revision.hash, stored.hash);
        assert.equal(stored.hash === record.hash, !isSecret);
        assert.equal(identity.keyed(key, stored), stored);
        assert.equal(formerHash(key, content), isSecret ? record.hash : undefined);
        if (!isSecret) continue;
        assert.match(stored.hash, /^v2:[0-9a-f]{32}:hmac-of-(v1|sha256):[0-9a-f]{8}:[0-9a-f]{32}$/);
        const digits = record.hash.split(":").at(-1);
        assert.ok(!stored.hash.includes(digits));
      }
    });

    test("are not mistaken for a content with another setting", () => {
      const [{ key, record } = assert.fail()] = kept;
      const stored = fromRecord(record) ?? assert.fail();
      fc.assert(
        fc.property(
          anySettings,
          (settings) => identity.isOf(key, stored, { ...stored, settings }) === isDeepStrictEqual(settings, stored.settings),
        ),
      );
    });
  });
}

function revision(number: number, hash: string): Revision {
  return { ...CONTENT, number, hash, image: "a/b:1", settings: DEFAULT_SETTINGS, capabilities: [], time: "2026-01-01T00:00:00Z" };
}
