import { addArtifact, addBlob, addManifest, type Content, compress, type TestDescriptor, tar, wasm } from "./images.ts";

/** Every layout that a module may come in: builds it, tagged `v1`. */
export const layouts: Readonly<Record<string, (content: Content, module: Uint8Array) => Promise<TestDescriptor>>> = {
  "Docker image FROM scratch": async (content, module) =>
    addManifest(
      content,
      "application/vnd.docker.container.image.v1+json",
      [
        addBlob(
          content,
          "application/vnd.docker.image.rootfs.diff.tar.gzip",
          compress.gzip(await tar([{ name: "other.txt", bytes: wasm("no") }])),
        ),
        addBlob(
          content,
          "application/vnd.docker.image.rootfs.diff.tar.gzip",
          compress.gzip(await tar([{ name: "plugin.wasm", bytes: module }])),
        ),
      ],
      "v1",
    ),
  "OCI image, plain tar": async (content, module) =>
    addManifest(
      content,
      "application/vnd.oci.image.config.v1+json",
      [addBlob(content, "application/vnd.oci.image.layer.v1.tar", await tar([{ name: "./plugin.wasm", bytes: module }]))],
      "v1",
    ),
  "OCI image, gzip, the only *.wasm": async (content, module) =>
    addManifest(
      content,
      "application/vnd.oci.image.config.v1+json",
      [
        addBlob(
          content,
          "application/vnd.oci.image.layer.v1.tar+gzip",
          compress.gzip(await tar([{ name: "filters/a.wasm", bytes: module }])),
        ),
      ],
      "v1",
    ),
  "OCI image, zstd": async (content, module) =>
    addManifest(
      content,
      "application/vnd.oci.image.config.v1+json",
      [addBlob(content, "application/vnd.oci.image.layer.v1.tar+zstd", compress.zstd(await tar([{ name: "plugin.wasm", bytes: module }])))],
      "v1",
    ),
  "Solo Wasm artifact with other layers beside": async (content, module) =>
    addManifest(
      content,
      "application/vnd.module.wasm.config.v1+json",
      [
        addBlob(
          content,
          "application/vnd.oci.image.layer.v1.tar+gzip",
          compress.gzip(await tar([{ name: "plugin.wasm", bytes: wasm("wrong") }])),
        ),
        addBlob(content, "application/vnd.module.wasm.content.layer.v1+wasm", module),
        addBlob(content, "application/vnd.module.wasm.runtime.layer.v1+json", Buffer.from("{}")),
      ],
      "v1",
    ),
  "wasm-to-oci": async (content, module) =>
    addManifest(
      content,
      "application/vnd.wasm.config.v1+json",
      [addBlob(content, "application/vnd.wasm.content.layer.v1+wasm", module)],
      "v1",
    ),
  "CNCF Wasm artifact": async (content, module) => addArtifact(content, module, "v1"),
};
