/** Images and modules: references, registries, layout folders, the store. What other rooms may use of this one. */
export { defaultLimits, type Limits, type OciOptions } from "./images.ts";
export { type InspectedImage, type InspectOptions, inspectImage, listTags } from "./inspect.ts";
export { emptyKeychain, mergeKeychains, parseDockerConfig } from "./keychain.ts";
export type { Descriptor, Manifest } from "./manifest.ts";
export { type Pushed, type PushOptions, pushModule } from "./push.ts";
export { formatReference, type LayoutReference, parseReference, type Reference, type RegistryReference } from "./reference.ts";
export { createModuleRegistry, type ModuleRegistryOptions } from "./registry.ts";
