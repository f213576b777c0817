/** What Weir uses of the Kubernetes client for a request, named one by one: see the rule for dynamic imports in scripts/build/bundle.ts. */
export { HttpMethod, IsomorphicFetchHttpLibrary, RequestContext } from "@kubernetes/client-node";
