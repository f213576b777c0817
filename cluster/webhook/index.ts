export { type KeptConfiguration, keepConfiguration } from "./configuration.ts";
export { createFilterHandler } from "./filters.ts";
export { readNamespace } from "./namespaces.ts";
export { createPodHandler } from "./pods.ts";
export type { Handler } from "./review.ts";
export { createWebhook, type Webhook } from "./server.ts";
