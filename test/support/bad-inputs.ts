import type { FakeRegistry } from "../../oci/testing/fake-registry.ts";
import { addBadImages, type BadImages, SHA256_OF_NOTHING } from "./bad-images.ts";

/** A wrong WasmFilter, and what the filter's status must say about it. */
export interface BadInput {
  readonly what: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** The condition that is False. */
  readonly condition: "Accepted" | "Resolved" | "Validated";
  readonly reason: string;
  /** What is wrong, where, and what to do: the message must hold each of these. */
  readonly says: readonly (string | RegExp)[];
  /** True: Weir tries again by itself, with backoff. */
  readonly retried?: boolean;
}

/** The registries for bad images: one that can lie, and one that demands credentials. */
export interface BadInputPlaces {
  readonly fake: FakeRegistry;
  /** `host:port` of a registry that demands credentials. */
  readonly guarded: string;
}

/** Files with errors, and the line of stderr that must report each. `victim` and `good` are filters in other files. */
export const brokenFiles: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
  [
    "victim.yaml",
    "apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\n  metadata: {name: victim\n",
    /victim\.yaml.*line 2, column \d+: not YAML/,
  ],
  ["broken.json", '{"apiVersion": "weir.dev/v1alpha1",\n "kind" }', /broken\.json.*line 2, column \d+: not JSON/],
  ["bytes.yaml", Uint8Array.of(0xff, 0xfe, 0xfd), /bytes\.yaml.*not UTF-8/],
  ["list.yaml", "- just\n- a list\n", /list\.yaml.*line 1: not a Kubernetes object; it needs apiVersion/],
  [
    "nameless.yaml",
    "apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {}\n",
    /nameless\.yaml.*line 1: WasmFilter without a valid metadata\.name/,
  ],
  [
    "twice.yaml",
    "apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: good, namespace: shop}\nspec: {image: elsewhere.invalid/a}\n",
    /twice\.yaml.*WasmFilter shop\/good is in good\.yaml already/,
  ],
  [
    "secret.yaml",
    'apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: shop}\ndata: {key: "s3cret!"}\n',
    /secret\.yaml.*data\.key is not base64/,
  ],
  [
    "bomb.yaml",
    `a: &a [x]\n${Array.from({ length: 12 }, (_, i) => `b${i}: &b${i} [${Array(12).fill(i === 0 ? "*a" : `*b${i - 1}`)}]`).join("\n")}\n`,
    /bomb\.yaml.*too many aliases/,
  ],
];

/** Fills the registry with bad images, tells it where to lie, and lists what to expect of each. */
export async function badInputs({ fake, guarded }: BadInputPlaces): Promise<readonly BadInput[]> {
  const images = await addBadImages(fake);
  return [...unresolved(fake.host, guarded, images), ...invalid(fake.host), ...unacceptable(fake.host)];
}

const referenceTo = (host: string, tag: string) => `${host}/filters/bad:${tag}`;

/** Inputs that fail between the reference and the module. */
function unresolved(host: string, guarded: string, images: BadImages): readonly BadInput[] {
  const image = (tag: string) => ({ image: referenceTo(host, tag) });
  const resolved = (what: string, tag: string, reason: string, ...says: BadInput["says"]): BadInput => ({
    what,
    spec: image(tag),
    condition: "Resolved",
    reason,
    says,
  });
  const wrongDigest = `sha256:${"0".repeat(64)}`;
  return [
    resolved("an image that does not exist", "nope", "ImageNotFound", `${host}/filters/bad`, "nope", /check the name and the tag/i),
    {
      what: "wrong credentials",
      spec: { image: `${guarded}/filters/private:v1`, pullSecrets: [{ name: "wrong" }] },
      condition: "Resolved",
      reason: "AccessDenied",
      says: [`${guarded}/filters/private`, '"mallory"', /check/],
    },
    {
      what: "no credentials where some are needed",
      spec: { image: `${guarded}/filters/private:v1` },
      condition: "Resolved",
      reason: "AccessDenied",
      says: [`${guarded}/filters/private`, "pull secret"],
    },
    {
      what: "a pull secret that does not exist",
      spec: { ...image("good"), pullSecrets: [{ name: "absent" }] },
      condition: "Resolved",
      reason: "SecretNotFound",
      says: ["shop/absent", "spec.pullSecrets", /add it/],
    },
    resolved("a layer with another digest than promised", "swapped", "DigestMismatch", images.swapped, `${host}/filters/bad`, /push/i),
    {
      what: "a manifest with another digest than asked for",
      spec: { ...image("pinned"), digest: images.pinned },
      condition: "Resolved",
      reason: "DigestMismatch",
      says: [images.pinned, `${host}/filters/bad`],
    },
    {
      what: "a url whose content has another digest",
      spec: { url: `http://${host}/module.wasm?signature=s3cret`, sha256: wrongDigest },
      condition: "Resolved",
      reason: "DigestMismatch",
      says: [`http://${host}/module.wasm`, wrongDigest, "spec.sha256"],
    },
    { ...resolved("a layer that breaks off", "cut", "TruncatedBlob", images.cut, /after \d+ of \d+ bytes/, host), retried: true },
    resolved("a layer that inflates without end", "bomb", "LayerTooLarge", images.bomb, "128 MiB", /weir push/),
    resolved("a module of 65 MiB in an archive", "huge-in-tar", "ModuleTooLarge", "plugin.wasm", "64 MiB", /smaller/),
    resolved("a module of 65 MiB", "huge", "ModuleTooLarge", SHA256_OF_NOTHING, "64 MiB", /smaller/),
    resolved("a layer that was never pushed", "no-blob", "BlobNotFound", SHA256_OF_NOTHING, /push the image again/i),
    resolved("an image without a layer that could be a module", "no-layer", "NoWasmLayer", "application/json", "weir push"),
    resolved("a manifest that is none", "odd-manifest", "InvalidManifest", `${host}/filters/bad@sha256:`, /layers/, /push/i),
    resolved("a tar with no wasm", "no-wasm", "NoWasmFile", images.noWasm, "plugin.wasm"),
    resolved("a tar with two", "two-wasm", "SeveralWasmFiles", '"a.wasm"', '"b.wasm"', "plugin.wasm"),
    resolved("a tar entry that climbs out", "dot-dot", "UnsafeArchive", "../../etc/plugin.wasm", /outside/, /build the image/i),
    resolved("a tar entry with an absolute path", "absolute", "UnsafeArchive", "/etc/plugin.wasm", /outside/, /build the image/i),
    resolved("a symbolic link in the module's place", "link", "UnsafeArchive", "plugin.wasm", "symlink", /build the image/i),
    resolved("a layer that is no tar", "not-tar", "CorruptLayer", images.notTar, /push/i),
  ];
}

/** Modules that no proxy can run. */
function invalid(host: string): readonly BadInput[] {
  const validated = (what: string, tag: string, reason: string, ...says: BadInput["says"]): BadInput => ({
    what,
    spec: { image: referenceTo(host, tag) },
    condition: "Validated",
    reason,
    says: [`${host}/filters/bad`, ...says],
  });
  return [
    validated("junk bytes", "junk", "NotWasm", "not WebAssembly"),
    validated("a component", "component", "WasmComponent", "component", /build .* core/i),
    validated("a module cut short before it was pushed", "cut-before-push", "MalformedModule", /byte \d+/, /again/),
    validated("a missing import", "missing-import", "MissingImport", "env.no_such_host_function", /rebuild|build/i),
    validated("a module without the proxy-wasm ABI", "no-abi", "NoAbi", "proxy_abi_version_", /SDK/),
    validated("a module that refuses its configuration", "refuses-config", "ConfigureFailed", /proxy_on_configure/, /spec\.config/),
  ];
}

/** Wrong specs, and specs that name something that is missing. */
function unacceptable(host: string): readonly BadInput[] {
  const accepted = (what: string, spec: BadInput["spec"], reason: string, ...says: BadInput["says"]): BadInput => ({
    what,
    spec: { image: referenceTo(host, "good"), ...spec },
    condition: "Accepted",
    reason,
    says,
  });
  return [
    accepted("an unknown field", { imagee: "x", slott: "edge" }, "InvalidSpec", "spec.imagee", "did you mean image?", "spec.slott"),
    accepted("a field of the wrong type", { priority: "high" }, "InvalidSpec", "spec.priority", "must be an integer"),
    accepted("a digest that is none", { digest: "sha256:123" }, "InvalidSpec", "spec.digest", "64"),
    accepted("both image and url", { url: "https://files.example/a.wasm" }, "InvalidSpec", "image and url are both set", "keep"),
    accepted(
      "an image reference that is none",
      { image: "https://registry.example/a:1" },
      "InvalidSpec",
      "spec.image",
      "no scheme",
      "registry/repository:tag",
    ),
    accepted(
      "a config Secret that does not exist",
      { configFrom: { secretKeyRef: { name: "absent", key: "config" } } },
      "SecretNotFound",
      "spec.configFrom",
      "shop/absent",
      /add it/,
    ),
    accepted(
      "a config Secret without that key",
      { configFrom: { secretKeyRef: { name: "wrong", key: "config" } } },
      "SecretKeyNotFound",
      "spec.configFrom",
      "shop/wrong",
      '"config"',
      ".dockerconfigjson",
    ),
    accepted(
      "a ConfigMap that does not exist",
      { configFrom: { configMapKeyRef: { name: "absent", key: "config" } } },
      "ConfigMapNotFound",
      "spec.configFrom",
      "shop/absent",
      /add it/,
    ),
  ];
}
