export { keepCaBundle } from "./ca-bundle.ts";
export { readNamespace } from "./namespaces.ts";
export { createWebhook, type Webhook } from "./server.ts";
