/** Public entry of oci/: references, registries, image layout folders, and the store of modules. */

export { type CatalogOptions, createCatalog, MAX_REPOSITORIES, parseCatalogRepository } from "./catalog/catalog.ts";
export { type Copied, type CopyOptions, copyImage, copyReferrers } from "./copy/copy.ts";
export type { HelperOptions } from "./credentials/helper.ts";
export { emptyKeychain, parseDockerConfig } from "./credentials/keychain.ts";
export { type LoginPlace, removeLogin, saveLogin } from "./credentials/login-file.ts";
export { filesWith, personKeychain } from "./credentials/person.ts";
export { checkCredentialsFile, createSharedCredentials, parseSharedRepositories, type SharedRepositories } from "./credentials/shared.ts";
export { type ArtifactOptions, createArtifact, type ImageContent, readContent } from "./image/content.ts";
export { defaultLimits, findImage, type Limits } from "./image/image.ts";
export { MAX_SBOM_BYTES, sbomType } from "./image/sbom.ts";
export { type InspectedImage, type InspectOptions, inspectImage, inspectIn, listTags, referrersOf } from "./inspect.ts";
export { createLayoutRepository } from "./layout/folder.ts";
export { imageTags, type ListedImage, type ListedImages, type ListOptions, listImages } from "./list.ts";
export { localImagesDirectory } from "./local/directory.ts";
export { type LocalImage, type LocalImages, type LocalImagesOptions, openLocalImages, type RemovedImage } from "./local/images.ts";
export { checkLogin } from "./login.ts";
export { createModuleRegistry, type ModuleRegistryOptions } from "./module-registry.ts";
export { readNotification } from "./notifications.ts";
export { type OciOptions, openReference } from "./open.ts";
export { type Pushed, type PushedImage, type PushOptions, pushImage, pushModule } from "./push.ts";
export { type AddressRange, createAddressPolicy, parseAddressRange } from "./registry/address.ts";
export { createFetch, type Fetch } from "./registry/fetch.ts";
export { createMirrors, type Mirror, type Mirrors, parseMirror } from "./registry/mirrors.ts";
export { readProxies } from "./registry/proxies.ts";
export { printBytes } from "./repository/bytes.ts";
export { type Descriptor, type Manifest, manifestTypes } from "./repository/manifest.ts";
export {
  canonicalRepository,
  formatReference,
  type LayoutReference,
  parseReference,
  type Reference,
  type RegistryReference,
  repositoryName,
  wantedOf,
} from "./repository/reference.ts";
export type { Attachment } from "./repository/referrers.ts";
export type { Repository, RepositoryReader } from "./repository/repository.ts";
export { MAX_TRUST_ROOT_BYTES } from "./signature/document.ts";
export type { PrivateKey } from "./signature/private-key.ts";
export type { Predicate, Signed } from "./signature/sign.ts";
export { checkTrustRoot, createVerifier, readPrivateKey, signImage } from "./signatures.ts";
export { type CachedModule, type ModuleStore, openModuleStore } from "./store/cache.ts";
export { createModuleCache, type ModuleCacheOptions } from "./store/module-cache.ts";
export { fetchTrustRoot, MAX_ROOT_BYTES, type TrustRootFetch } from "./tuf/trust-root.ts";
