import { holding } from "../../base/held.ts";
import { fieldsOf } from "../../base/json.ts";
import { createStandingTrouble } from "../../base/standing-trouble.ts";
import type { Clock } from "../../model/clock.ts";
import type { KubeApi } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import { type ImpliedCredentials, type Keychain, type KeychainEntry, mergeKeychains } from "../../model/module.ts";
import type { Result } from "../../model/result.ts";

export interface PullSecretsOptions {
  readonly api: KubeApi;
  /** Name of the ServiceAccount, in each filter's own namespace. */
  readonly account: string;
  readonly parseKeychain: (dockerConfigJson: string, name: string) => Result<Keychain>;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long an answer of the API server is taken for granted, in milliseconds. A registry that refuses is asked again more often than that. */
const KEEP_MS = 10_000;
const NAMESPACES = 1_000;
const MAX_SECRETS = 16;
const MAX_BYTES = 2 << 20;

/**
 * The pull secrets that a ServiceAccount of the filter's namespace names, as pods there have them. As for a kubelet, one that is missing or that cannot be read is
 * left out. https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#add-imagepullsecrets-to-a-service-account
 */
export function createPullSecrets(options: PullSecretsOptions): ImpliedCredentials {
  const { account, clock } = options;
  const read = createReader(options);
  const find = holding(async (namespace) => asImplied(await read(namespace), `those of ServiceAccount ${namespace}/${account}`), {
    ...{ keepMs: KEEP_MS, most: NAMESPACES, now: clock.now },
  });
  return { keychainFor: find };
}

function createReader({ api, account, parseKeychain, log }: PullSecretsOptions): (namespace: string) => Promise<Keychain> {
  const tell = createStandingTrouble((message) => log.warn("pull secrets of ServiceAccounts cannot be read", { message }));
  const secretOf = async (namespace: string, name: string): Promise<Keychain> => {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`;
    // By a list, as all Secrets are read: the right to get is not needed.
    const answer = await api.request({ path, query: { fieldSelector: `metadata.name=${name}` }, maxBytes: MAX_BYTES });
    const [object] = answer.ok && Array.isArray(answer.value.items) ? (answer.value.items as unknown[]) : [];
    const json = fieldsOf(fieldsOf(object).data)[".dockerconfigjson"];
    if (typeof json !== "string") return new Map();
    const keychain = parseKeychain(Buffer.from(json, "base64").toString("utf8"), `Secret ${namespace}/${name}`);
    return keychain.ok ? keychain.value : new Map();
  };
  return async (namespace) => {
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(account)}`;
    const answer = await api.request({ path, maxBytes: MAX_BYTES });
    const isMissing = !answer.ok && answer.error.status === 404;
    tell(answer.ok || isMissing ? undefined : answer.error.message);
    const named = answer.ok && Array.isArray(answer.value.imagePullSecrets) ? (answer.value.imagePullSecrets as unknown[]) : [];
    const names = named.map((each) => fieldsOf(each).name).filter((name) => typeof name === "string" && name !== "");
    const secrets = [...new Set(names as string[])].slice(0, MAX_SECRETS);
    return mergeKeychains(await Promise.all(secrets.map((name) => secretOf(namespace, name))));
  };
}

function asImplied(keychain: Keychain, implied: string): Keychain {
  const mark = (entry: KeychainEntry) => ("problem" in entry ? entry : { ...entry, implied });
  return new Map([...keychain].map(([server, entries]) => [server, entries.map(mark)]));
}
