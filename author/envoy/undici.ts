/** What author/ uses of undici, named one by one: see the rule for dynamic imports in scripts/build/bundle.ts. */
export { EnvHttpProxyAgent, fetch } from "undici";
