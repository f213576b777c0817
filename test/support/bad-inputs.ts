import type { IncomingMessage, ServerResponse } from "node:http";
import type { Digest } from "../../model/digest.ts";
import type { FakeRegistry } from "../../oci/testing/fake-registry.ts";
import { addArtifact, addBlob, addDocument, addManifest, compress, type TarEntry, tar } from "../../oci/testing/images.ts";
import { badModules, headerFilter } from "./wat.ts";

/** Something wrong that a person may give to Weir as a WasmFilter, and what the filter's status must then say. */
export interface BadInput {
  readonly what: string;
  readonly spec: Readonly<Record<string, unknown>>;
  /** The condition that is False. */
  readonly condition: "Accepted" | "Resolved" | "Validated";
  readonly reason: string;
  /** What, where and what to do: each must be in the message. */
  readonly says: readonly (string | RegExp)[];
  /** Passes by itself: Weir tries again with backoff. */
  readonly retried?: boolean;
}

/** Everything that bad images are made in: a registry that also lies, and one that asks who comes. */
export interface BadInputPlaces {
  readonly fake: FakeRegistry;
  /** `host:port` of a registry that demands credentials. */
  readonly guarded: string;
}

const COMPONENT = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00);
const SHA256_OF_NOTHING: Digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const MIB = 1 << 20;

/** Files that cannot be read, or not wholly, and the line of stderr that must tell of them. `victim` and `good` are filters of other files. */
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
  const module = await headerFilter({ name: "x-bad", value: "must never be seen" });
  const { content } = fake;
  const reference = (tag: string) => `${fake.host}/filters/bad:${tag}`;
  const image = (tag: string) => ({ image: reference(tag) });
  const artifact = (tag: string, bytes: Uint8Array) => addArtifact(content, bytes, tag);
  const archive = async (tag: string, entries: readonly TarEntry[]) => {
    const layer = addBlob(content, "application/vnd.oci.image.layer.v1.tar+gzip", compress.gzip(await tar(entries)));
    return { ...addManifest(content, "application/vnd.oci.image.config.v1+json", [layer], tag), layer };
  };
  const lies = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>();
  fake.intercept = (request, response) => {
    const lie = [...lies].find(([part]) => request.url?.split("?")[0]?.endsWith(part))?.[1];
    lie?.(request, response);
    return lie !== undefined;
  };
  const unlike = (name: string) => headerFilter({ name: "x-bad", value: name });

  artifact("swapped", await unlike("swapped"));
  const swapped = layerOf(fake, "swapped");
  lies.set(swapped, (_, response) => response.end(new Uint8Array(content.blobs.get(swapped)?.byteLength ?? 0)));
  const pinned = artifact("pinned", await unlike("pinned")).digest;
  lies.set(pinned, (_, response) => response.end(content.manifests.get(content.tags.get("swapped") ?? pinned)?.bytes));
  artifact("cut", await unlike("cut"));
  const cut = layerOf(fake, "cut");
  lies.set(cut, (_, response) => {
    const bytes = content.blobs.get(cut) ?? new Uint8Array();
    response.writeHead(200, { "content-length": bytes.byteLength });
    response.write(bytes.subarray(0, 100), () => response.destroy());
  });
  lies.set("/module.wasm", (_, response) => response.end(module));
  const bomb = await archive("bomb", [
    { name: "plugin.wasm", bytes: module },
    { name: "zeros", bytes: new Uint8Array(129 * MIB) },
  ]);
  await archive("huge-in-tar", [{ name: "plugin.wasm", bytes: new Uint8Array(65 * MIB) }]);
  const huge = { mediaType: "application/wasm", digest: SHA256_OF_NOTHING, size: 65 * MIB };
  addManifest(content, "application/vnd.wasm.config.v0+json", [huge], "huge");
  const absent = { mediaType: "application/wasm", digest: SHA256_OF_NOTHING, size: 10 };
  addManifest(content, "application/vnd.wasm.config.v0+json", [absent], "no-blob");
  addManifest(content, "application/vnd.oci.image.config.v1+json", [addBlob(content, "application/json", Buffer.from("{}"))], "no-layer");
  addDocument(content, "application/vnd.oci.image.manifest.v1+json", { schemaVersion: 2, layers: "none" }, "odd-manifest");
  const empty = await archive("no-wasm", [{ name: "README.md", bytes: Buffer.from("hello") }]);
  await archive("two-wasm", [
    { name: "a.wasm", bytes: module },
    { name: "b.wasm", bytes: module },
  ]);
  await archive("dot-dot", [{ name: "../../etc/plugin.wasm", bytes: module }]);
  await archive("absolute", [{ name: "/etc/plugin.wasm", bytes: module }]);
  await archive("link", [{ name: "plugin.wasm", type: "symlink" }]);
  const notTar = addBlob(content, "application/vnd.oci.image.layer.v1.tar", Buffer.from("no archive at all ".repeat(100)));
  addManifest(content, "application/vnd.oci.image.config.v1+json", [notTar], "not-tar");
  artifact("junk", await badModules.junk());
  artifact("component", COMPONENT);
  artifact("cut-before-push", module.subarray(0, module.byteLength - 20));
  artifact("missing-import", await badModules.missingImport());
  artifact("no-abi", await badModules.notProxyWasm());
  artifact("refuses-config", await badModules.refusesConfiguration());
  artifact("good", module);
  const wrongDigest = `sha256:${"0".repeat(64)}`;
  const resolved = (what: string, tag: string, reason: string, ...says: BadInput["says"]): BadInput => ({
    ...{ what, spec: image(tag), condition: "Resolved", reason, says },
  });
  const validated = (what: string, tag: string, reason: string, ...says: BadInput["says"]): BadInput => ({
    ...{ what, spec: image(tag), condition: "Validated", reason, says: [`${fake.host}/filters/bad`, ...says] },
  });
  const accepted = (what: string, spec: BadInput["spec"], reason: string, ...says: BadInput["says"]): BadInput => ({
    ...{ what, spec: { ...image("good"), ...spec }, condition: "Accepted", reason, says },
  });

  return [
    resolved("an image that does not exist", "nope", "ImageNotFound", `${fake.host}/filters/bad`, "nope", /check the name and the tag/i),
    {
      what: "wrong credentials",
      spec: { image: `${guarded}/filters/private:v1`, pullSecrets: [{ name: "wrong" }] },
      ...{ condition: "Resolved", reason: "AccessDenied", says: [`${guarded}/filters/private`, '"mallory"', /check/] },
    },
    {
      what: "no credentials where some are needed",
      spec: { image: `${guarded}/filters/private:v1` },
      ...{ condition: "Resolved", reason: "AccessDenied", says: [`${guarded}/filters/private`, "pull secret"] },
    },
    {
      what: "a pull secret that does not exist",
      spec: { ...image("good"), pullSecrets: [{ name: "absent" }] },
      ...{ condition: "Resolved", reason: "SecretNotFound", says: ["shop/absent", "spec.pullSecrets", /add it/] },
    },
    resolved("a layer with another digest than promised", "swapped", "DigestMismatch", swapped, `${fake.host}/filters/bad`, /push/i),
    {
      what: "a manifest with another digest than asked for",
      spec: { ...image("pinned"), digest: pinned },
      ...{ condition: "Resolved", reason: "DigestMismatch", says: [pinned, `${fake.host}/filters/bad`] },
    },
    {
      what: "a url whose content has another digest",
      spec: { url: `http://${fake.host}/module.wasm?signature=s3cret`, sha256: wrongDigest },
      ...{ condition: "Resolved", reason: "DigestMismatch", says: [`http://${fake.host}/module.wasm`, wrongDigest, "spec.sha256"] },
    },
    { ...resolved("a layer that breaks off", "cut", "TruncatedBlob", cut, /after \d+ of \d+ bytes/, fake.host), retried: true },
    resolved("a layer that inflates without end", "bomb", "LayerTooLarge", bomb.layer.digest, "128 MiB", /weir push/),
    resolved("a module of 65 MiB in an archive", "huge-in-tar", "ModuleTooLarge", "plugin.wasm", "64 MiB", /smaller/),
    resolved("a module of 65 MiB", "huge", "ModuleTooLarge", SHA256_OF_NOTHING, "64 MiB", /smaller/),
    resolved("a layer that was never pushed", "no-blob", "BlobNotFound", SHA256_OF_NOTHING, /push the image again/i),
    resolved("an image without a layer that could be a module", "no-layer", "NoWasmLayer", "application/json", "weir push"),
    resolved("a manifest that is none", "odd-manifest", "InvalidManifest", `${fake.host}/filters/bad@sha256:`, /layers/, /push/i),
    resolved("a tar with no wasm", "no-wasm", "NoWasmFile", empty.layer.digest, "plugin.wasm"),
    resolved("a tar with two", "two-wasm", "SeveralWasmFiles", '"a.wasm"', '"b.wasm"', "plugin.wasm"),
    resolved("a tar entry that climbs out", "dot-dot", "UnsafeArchive", "../../etc/plugin.wasm", /outside/, /build the image/i),
    resolved("a tar entry with an absolute path", "absolute", "UnsafeArchive", "/etc/plugin.wasm", /outside/, /build the image/i),
    resolved("a symbolic link in the module's place", "link", "UnsafeArchive", "plugin.wasm", "symlink", /build the image/i),
    resolved("a layer that is no tar", "not-tar", "CorruptLayer", notTar.digest, /push/i),
    validated("junk bytes", "junk", "NotWasm", "not WebAssembly"),
    validated("a component", "component", "WasmComponent", "component", /build .* core/i),
    validated("a module cut short before it was pushed", "cut-before-push", "MalformedModule", /byte \d+/, /again/),
    validated("a missing import", "missing-import", "MissingImport", "env.no_such_host_function", /rebuild|build/i),
    validated("a module without the proxy-wasm ABI", "no-abi", "NoAbi", "proxy_abi_version_", /SDK/),
    validated("a module that refuses its configuration", "refuses-config", "ConfigureFailed", /proxy_on_configure/, /spec\.config/),
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
      ...["spec.configFrom", "shop/absent", /add it/],
    ),
    accepted(
      "a config Secret without that key",
      { configFrom: { secretKeyRef: { name: "wrong", key: "config" } } },
      "SecretKeyNotFound",
      ...["spec.configFrom", "shop/wrong", '"config"', ".dockerconfigjson"],
    ),
    accepted(
      "a ConfigMap that does not exist",
      { configFrom: { configMapKeyRef: { name: "absent", key: "config" } } },
      "ConfigMapNotFound",
      ...["spec.configFrom", "shop/absent", /add it/],
    ),
  ];
}

/** The digest of the one layer of a tagged image. */
function layerOf({ content }: FakeRegistry, tag: string): Digest {
  const manifest = content.manifests.get(content.tags.get(tag) ?? SHA256_OF_NOTHING);
  const { layers } = JSON.parse(Buffer.from(manifest?.bytes ?? []).toString()) as { layers: { digest: Digest }[] };
  return layers[0]?.digest ?? SHA256_OF_NOTHING;
}
