import { clip } from "../../base/text.ts";
import type { ImageDescription } from "../../model/catalog.ts";

const OCI = "org.opencontainers.image.";
const HUB = "io.artifacthub.package.";
const KUBEWARDEN = "io.kubewarden.policy.";

/** What `weir push` writes. */
const OWN = "dev.weir.module.";

const MAX_ANNOTATIONS = 64;
const MAX_VALUE = 2_000;
const MAX_KEYWORDS = 20;
const MAX_KEYWORD = 60;

/**
 * What annotations say of an image, by the names that registries and hubs know: https://github.com/opencontainers/image-spec/blob/main/annotations.md,
 * https://artifacthub.io/docs/topics/repositories/container-images/ and Kubewarden's. Whatever is longer than a person reads is cut.
 */
export function describeImage(annotations: Readonly<Record<string, string>>): ImageDescription {
  const first = (...names: readonly string[]): string | undefined => {
    const found = names.map((name) => annotations[name]?.trim()).find((value) => value !== undefined && value !== "");
    return found === undefined ? undefined : clip(found, MAX_VALUE);
  };
  const links = [
    { name: "source", url: first(`${OCI}source`, `${KUBEWARDEN}source`) },
    { name: "documentation", url: first(`${OCI}documentation`, `${OCI}url`, `${KUBEWARDEN}url`) },
    { name: "README", url: first(`${HUB}readme-url`) },
  ];
  const keywords = [first(`${OWN}keywords`, `${HUB}keywords`), first(`${HUB}category`, `${KUBEWARDEN}category`)].flatMap(
    (list) => list?.split(",") ?? [],
  );
  return {
    title: first(`${OCI}title`, `${KUBEWARDEN}title`),
    text: first(`${OCI}description`, `${KUBEWARDEN}description`),
    version: first(`${OCI}version`),
    created: first(`${OCI}created`),
    licence: first(`${OCI}licenses`, `${HUB}license`, `${KUBEWARDEN}license`),
    vendor: first(`${OCI}vendor`, `${OCI}authors`, `${KUBEWARDEN}author`),
    keywords: unique(keywords.map((keyword) => clip(keyword.trim(), MAX_KEYWORD)).filter((keyword) => keyword !== "")).slice(
      0,
      MAX_KEYWORDS,
    ),
    abi: first(`${OWN}abi`),
    isDeprecated: first(`${HUB}deprecated`)?.toLowerCase() === "true",
    links: links.flatMap(({ name, url }) => (url !== undefined && isWebAddress(url) ? [{ name, url }] : [])),
    annotations: Object.entries(annotations)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, MAX_ANNOTATIONS)
      .map(([name, value]) => [clip(name, 200), clip(value, MAX_VALUE)] as const),
  };
}

/** A person may follow it: it runs nothing where it is shown. */
function isWebAddress(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === "https:" || url.protocol === "http:") && url.username === "" && url.password === "";
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
