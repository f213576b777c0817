import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { messageOf } from "../../base/error.ts";
import { fail, ok, type Result } from "../../model/result.ts";

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

export interface KubeconfigChoice {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The configuration that kubectl would use: the file given, the files of KUBECONFIG merged, ~/.kube/config, or the pod's own service account.
 * https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
 */
export function loadKubeconfig({ kubeconfig, context, env }: KubeconfigChoice): Result<KubeConfig> {
  const config = new KubeConfig();
  const files = filesOf(kubeconfig, env);
  const inCluster = files.length === 0 && existsSync(join(SERVICE_ACCOUNT, "token"));
  if (files.length === 0 && !inCluster) {
    return fail(
      "NoCluster",
      "no cluster is configured: name a kubeconfig with --kubeconfig or KUBECONFIG, or work on a folder of manifests with --filters DIR",
    );
  }
  try {
    if (inCluster) config.loadFromCluster();
    for (const [index, file] of files.entries()) load(config, file, index > 0);
  } catch (error) {
    return fail("BadKubeconfig", `the kubeconfig ${files.join(", ")} cannot be used: ${messageOf(error)}`);
  }
  return choose(config, context, files);
}

function filesOf(given: string | undefined, env: KubeconfigChoice["env"]): readonly string[] {
  if (given !== undefined) return [given];
  const named = (env.KUBECONFIG ?? "").split(delimiter).filter((file) => file !== "");
  if (named.length > 0) return named;
  const usual = join(env.HOME ?? homedir(), ".kube", "config");
  return existsSync(usual) ? [usual] : [];
}

function load(config: KubeConfig, file: string, merge: boolean): void {
  if (!merge) {
    config.loadFromFile(file);
    return;
  }
  const next = new KubeConfig();
  next.loadFromFile(file);
  config.mergeConfig(next, true);
}

function choose(config: KubeConfig, context: string | undefined, files: readonly string[]): Result<KubeConfig> {
  if (context !== undefined) {
    const names = config.getContexts().map(({ name }) => name);
    if (!names.includes(context))
      return fail("NoContext", `no context "${context}" in ${files.join(", ")}; it has ${names.join(", ") || "none"}`);
    config.setCurrentContext(context);
  }
  if (config.getCurrentCluster() === null) {
    return fail("NoContext", `${files.join(", ")} has no current context with a cluster; choose one with --context`);
  }
  return ok(config);
}

/** The same API server for the bearer of a token. Nothing of the configuration's own user is in it: a client certificate would win over the token. */
export function kubeconfigAs(config: KubeConfig, token: string): KubeConfig {
  const cluster = config.getCurrentCluster();
  const person = new KubeConfig();
  const [name, user] = ["person", { name: "person", token }];
  person.loadFromOptions({
    clusters: cluster === null ? [] : [{ ...cluster, name }],
    users: [user],
    contexts: [{ name, cluster: name, user: user.name }],
    currentContext: name,
  });
  return person;
}
