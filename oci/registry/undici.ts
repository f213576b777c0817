/** What Weir uses of undici, named one by one: see the rule for dynamic imports in scripts/build/bundle.ts. */
export { Agent, buildConnector, EnvHttpProxyAgent, request } from "undici";
