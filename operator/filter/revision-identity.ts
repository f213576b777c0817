import { hash } from "node:crypto";
import { canonicalJson } from "../../base/json.ts";
import type { KeyedHash } from "../../base/keyring.ts";
import { type FilterKey, filterId } from "../../model/filter.ts";
import type { Revision } from "../../model/revision.ts";
import { changedSettings, DEFAULT_SETTINGS, type SettingName } from "../../model/settings.ts";

/** The part of a revision that makes it this one. Capabilities in force follow from the module and the settings, so they are not in it. */
export type Identified = Pick<Revision, "digest" | "wasmDigest" | "settings" | "secretConfig">;

/**
 * The identity of a revision, version 2: the filter's name, the digests, and each setting that differs from its default. A setting that is new to Weir
 * therefore changes no identity until a spec asks for it. The reference it came from (a tag) is left out, so that a tag and a pin that lead to the
 * same digest are the same revision.
 *
 *     v2:HASH                          nothing of it comes from a Secret
 *     v2:HASH:WORD:KEYID:MAC           the configuration does: HASH covers the rest, MAC is keyed, so that who reads it cannot try guesses
 *
 * KEYID tells the key. WORD says what MAC is over, together with HASH: `hmac` the text; `hmac-of-sha256` and `hmac-of-v1` a hash that an earlier version of
 * Weir kept, so that its records can be rewritten without the text (decision 0018).
 */
export interface RevisionIdentity {
  /** The hash of a new revision with this content. */
  hashOf(key: FilterKey, content: Identified): string;
  /** True when the stored revision has this content, whichever version of Weir gave it its hash. */
  isOf(key: FilterKey, stored: Revision, content: Identified): boolean;
  /** The stored revision, its hash rewritten where that would let a reader try guesses of a text from a Secret. The same object where it need not be. */
  keyed(key: FilterKey, stored: Revision): Revision;
}

const LEGACY_V1 = /^[0-9a-f]{32}$/;
const LEGACY_SHA256 = /^v2:([0-9a-f]{32}):sha256:([0-9a-f]{32})$/;
const KEYED = /^v2:([0-9a-f]{32}):(hmac|hmac-of-sha256|hmac-of-v1):([0-9a-f]{8}):([0-9a-f]{32})$/;

type Word = "hmac" | "hmac-of-sha256" | "hmac-of-v1";

export function createRevisionIdentity({ id, digest }: KeyedHash): RevisionIdentity {
  const keyedOf = (word: Word, open: string, covered: string) =>
    `v2:${open}:${word}:${id}:${digest(canonicalJson([word, open, covered])).toString("hex", 0, 16)}`;

  return {
    hashOf(key, content) {
      const open = openHash(key, content);
      return content.secretConfig === undefined ? `v2:${open}` : keyedOf("hmac", open, configurationText(content));
    },
    isOf(key, stored, content) {
      if ((stored.secretConfig === undefined) !== (content.secretConfig === undefined)) return false;
      const open = openHash(key, content);
      if (content.secretConfig === undefined) return stored.hash === `v2:${open}` || stored.hash === versionOne(key, content);
      const [, storedOpen, word, keyId] = KEYED.exec(stored.hash) ?? [];
      if (storedOpen !== open) return false;
      if (keyId !== id) return isUntouched(stored, content);
      const covered = coveredBy(word as Word, key, content);
      return covered !== undefined && stored.hash === keyedOf(word as Word, open, covered);
    },
    keyed(key, stored) {
      if (stored.secretConfig === undefined) return stored;
      const [, open, text] = LEGACY_SHA256.exec(stored.hash) ?? [];
      if (open !== undefined && text !== undefined) return { ...stored, hash: keyedOf("hmac-of-sha256", open, text) };
      if (!LEGACY_V1.test(stored.hash)) return stored;
      return { ...stored, hash: keyedOf("hmac-of-v1", openHash(key, stored), stored.hash) };
    },
  };
}

/**
 * The hash under which an earlier version of Weir kept the content of this revision, which must be whole. The versions of xDS resources that proxies
 * hold were made from it. `undefined`: there was none. It lets who sees it try guesses of a text from a Secret, so it is made when it is needed and not kept.
 */
export function formerHash(key: FilterKey, revision: Revision): string | undefined {
  const [, open, word] = KEYED.exec(revision.hash) ?? [];
  if (word === "hmac-of-v1") return versionOne(key, revision);
  return open !== undefined && word === "hmac-of-sha256" ? `v2:${open}:sha256:${textHash(open, revision)}` : undefined;
}

/** What the MAC of a stored hash is over when it is of this content. */
function coveredBy(word: Word, key: FilterKey, content: Identified): string | undefined {
  if (word === "hmac") return configurationText(content);
  // Earlier versions knew no bytes.
  if (content.settings.configBytes !== undefined) return undefined;
  return word === "hmac-of-v1" ? versionOne(key, content) : textHash(openHash(key, content), content);
}

/** Other than every text for bytes that are none: no text has half of a UTF-16 pair. */
function configurationText({ settings: { config, configBytes } }: Identified): string {
  return configBytes === undefined ? config : `\ud800${configBytes}`;
}

/**
 * A MAC of another key (the private key was lost) cannot be checked. The content is the same for sure if the Secret was not written since: its version is
 * the one that the revision was made from.
 */
function isUntouched({ secretConfig: before }: Identified, { secretConfig: now }: Identified): boolean {
  return before?.version !== undefined && before.version === now?.version && before.name === now.name && before.key === now.key;
}

/** Covers everything but a text from a Secret. */
function openHash(key: FilterKey, { digest, wasmDigest, settings, secretConfig }: Identified): string {
  const open =
    secretConfig === undefined ? settings : { ...settings, config: DEFAULT_SETTINGS.config, configBytes: DEFAULT_SETTINGS.configBytes };
  const asked = changedSettings(DEFAULT_SETTINGS, open).map((name) => [name, open[name]]);
  return short(canonicalJson([filterId(key), digest, wasmDigest, Object.fromEntries(asked)]));
}

/** Version 2 as it was first: a bare hash of the text. */
function textHash(open: string, { settings }: Identified): string {
  return short(canonicalJson([open, settings.config]));
}

/** The settings that there were in version 1, in its order. Fixed forever. */
const VERSION_ONE: readonly SettingName[] = ["type", "slot", "priority", "config", "rootId", "failurePolicy", "env", "capabilities"];

/** Version 1: a list of all settings by their position. A content with a setting that is younger than that never had such a hash. */
function versionOne(key: FilterKey, { digest, wasmDigest, settings }: Identified): string | undefined {
  if (changedSettings(DEFAULT_SETTINGS, settings).some((name) => !VERSION_ONE.includes(name))) return undefined;
  const { type, slot, priority, config, rootId, failurePolicy, env, capabilities = null } = settings;
  const variables = env.map(({ name, value }) => [name, value]);
  const parts = [filterId(key), digest, wasmDigest, type, slot, priority, config, rootId, failurePolicy, variables, capabilities];
  return short(JSON.stringify(parts));
}

function short(text: string): string {
  return hash("sha256", text).slice(0, 32);
}
