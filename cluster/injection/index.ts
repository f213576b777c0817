export { type ProxyImage, podCredentials } from "./containers.ts";
export { type Injection, type InjectionSettings, inject } from "./inject.ts";
export { INJECT } from "./names.ts";
export { patchOf } from "./patch.ts";
export { readPod } from "./pod.ts";
export { type NamespaceView, namespaceView } from "./wishes.ts";
export { type InjectedObject, injectObject, type Looked } from "./workloads.ts";
