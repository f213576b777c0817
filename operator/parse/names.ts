const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** A name that Kubernetes accepts for most objects. https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names */
export function isObjectName(name: unknown): name is string {
  return typeof name === "string" && name.length <= 253 && SUBDOMAIN.test(name);
}

/** A name that Kubernetes accepts for a namespace. https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names */
export function isNamespace(name: unknown): name is string {
  return typeof name === "string" && name.length <= 63 && LABEL.test(name);
}
