/** What every pod of the tests may do: nothing. Passes the Pod Security level `restricted`. */
export const restricted = {
  runAsNonRoot: true,
  readOnlyRootFilesystem: true,
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

/** Small enough for many pods on two cores. */
export const resources = { requests: { cpu: "10m", memory: "16Mi" } };

/** A container of the app's image. `serve` answers on 8080 with what it saw of a request; tools/app/main.go says what else there is. */
export function appContainer(args: readonly string[] = ["serve"], rest: object = {}): object {
  const http = {
    ports: [{ name: "http", containerPort: 8080 }],
    readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 1, timeoutSeconds: 10 },
  };
  const probe = args[0] === "serve" ? http : {};
  return {
    name: "app",
    image: "localhost/app:1",
    imagePullPolicy: "Never",
    args,
    ...probe,
    securityContext: restricted,
    resources,
    ...rest,
  };
}

/** A pod of the app's image, with its name as the label `app`. */
export function appPod(name: string, namespace: string, args?: readonly string[], spec: object = {}): object {
  const metadata = { name, namespace, labels: { app: name } };
  return { apiVersion: "v1", kind: "Pod", metadata, spec: { terminationGracePeriodSeconds: 3, containers: [appContainer(args)], ...spec } };
}

/** The app several times over. `template` is put into the pods' metadata and `spec` into their spec. */
export function appDeployment(
  name: string,
  namespace: string,
  replicas: number,
  { metadata = {}, spec = {} }: { metadata?: object; spec?: object } = {},
): object {
  const labels = { app: name };
  const pod = { terminationGracePeriodSeconds: 10, containers: [appContainer()], ...spec };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels, ...metadata }, spec: pod } },
  };
}

/** A Service on port 80 before the pods of that label. */
export function appService(name: string, namespace: string, targetPort = 8080): object {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort }] },
  };
}

export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}
