import { randomBytes } from "node:crypto";
import { PRIVATE_KEY_BYTES } from "../../base/keyring.ts";
import type { KubeApi } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { createSecretStore, readOrMake } from "./secret.ts";

/** Name of the Secret with the private key. */
export const PRIVATE_KEY_SECRET = "weir-private-key";
const FIELD = "key";

export interface PrivateKeyOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly log: Log;
  /** The key that this Weir had before it kept it in a Secret; `undefined`: none. */
  readonly before: () => Promise<Result<Uint8Array | undefined>>;
}

/**
 * The key in the Secret `weir-private-key`: the one of before, or 32 random bytes, where there is no Secret yet. Two that start at once get the same key.
 */
export async function privateKeySecret({ api, namespace, log, before }: PrivateKeyOptions): Promise<Result<Uint8Array>> {
  const store = createSecretStore(api, namespace, PRIVATE_KEY_SECRET);
  const contentOf = (key: Uint8Array = randomBytes(PRIVATE_KEY_BYTES)) => ({ data: { [FIELD]: key }, immutable: true });
  const secret = await readOrMake(store, { what: "the private key", before, contentOf, log });
  if (!secret.ok) return secret;
  const key = secret.value.data.get(FIELD);
  if (key?.length === PRIVATE_KEY_BYTES) return ok(key);
  const what = `the Secret ${store.id} has ${key?.length ?? 0} bytes in "${FIELD}", a private key has ${PRIVATE_KEY_BYTES}`;
  return fail("PrivateKey", `${what}; restore it from a backup, or remove it and a new one is made`);
}
