/**
 * Which proxy: namespace and node id as one text, `namespace/id`. The same node id in another namespace is another proxy. Everything that keeps something
 * for each proxy keeps it by this key. A node id may hold a `/`, a namespace may not, so that the key reads back one way only.
 */
export function proxyKey(namespace: string, id: string): string {
  return `${namespace}/${id}`;
}

/** The namespace and the node id of a key. */
export function parseProxyKey(key: string): { readonly namespace: string; readonly id: string } {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, Math.max(0, slash)), id: key.slice(slash + 1) };
}
