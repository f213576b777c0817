import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Digest } from "../../model/digest.ts";
import type { Descriptor, Manifest } from "../repository/manifest.ts";
import { failed, valued } from "../testing/result.ts";
import { candidates, type IndexEntry, selectEntries, selectLayer } from "./select.ts";

let counter = 0;
const digest = (): Digest => `sha256:${(++counter).toString(16).padStart(64, "0")}`;
const descriptor = (mediaType: string, extra: Partial<Descriptor> = {}): Descriptor => ({
  mediaType,
  digest: digest(),
  size: 1,
  annotations: {},
  ...extra,
});

const manifest = (...layers: Descriptor[]): Manifest => ({
  kind: "manifest",
  mediaType: "m",
  digest: digest(),
  artifactType: undefined,
  config: descriptor("c"),
  layers,
  annotations: {},
  foreign: 0,
});

const entry = (layer: Descriptor, platform?: Descriptor["platform"]): IndexEntry => ({
  descriptor: descriptor("m", platform === undefined ? {} : { platform }),
  manifest: manifest(layer),
});

const GZIP = "application/vnd.oci.image.layer.v1.tar+gzip";
const WASM = "application/wasm";

describe("selectLayer", () => {
  test("the layer is chosen by media type, not by count or place", () => {
    const module = descriptor(WASM);
    const chosen = valued(selectLayer(manifest(descriptor("text/plain"), module, descriptor(GZIP), descriptor("application/json")), "x"));
    assert.deepEqual(chosen, { form: "wasm", layer: module });
  });

  test("of archives the last one counts", () => {
    const last = descriptor(GZIP);
    assert.deepEqual(valued(selectLayer(manifest(descriptor(GZIP), last, descriptor("application/json")), "x")), {
      form: "archive",
      layer: last,
    });
  });

  test("of files that oras pushed as archives the *.wasm counts, where there is one", () => {
    const title = (name: string) =>
      descriptor("application/vnd.oci.image.layer.v1.tar", { annotations: { "org.opencontainers.image.title": name } });
    const [module, readme] = [title("build/add-header.wasm"), title("README.md")];
    assert.equal(valued(selectLayer(manifest(module, readme), "x")).layer, module);
    const last = title("b.wasm");
    assert.equal(valued(selectLayer(manifest(module, last), "x")).layer, last);
  });

  test("one module listed twice is one module; two modules are refused", () => {
    const module = descriptor(WASM);
    assert.deepEqual(valued(selectLayer(manifest(module, { ...module }), "x")).layer, module);
    failed(selectLayer(manifest(descriptor(WASM), descriptor(WASM)), "x"), "SeveralWasmLayers");
  });
});

describe("selectEntries", () => {
  test("in an index a module layer wins over file systems, a Wasm platform over others", () => {
    const module = entry(descriptor(WASM));
    assert.deepEqual(
      valued(selectEntries({ entries: [entry(descriptor(GZIP), { architecture: "wasm", os: "wasi" }), module], foreign: 0 }, "x")),
      [module],
    );
    const wasi = entry(descriptor(GZIP), { architecture: "wasm", os: "wasip1" });
    assert.deepEqual(
      valued(selectEntries({ entries: [entry(descriptor(GZIP), { architecture: "amd64", os: "linux" }), wasi], foreign: 0 }, "x")),
      [wasi],
    );
    const only = entry(descriptor(GZIP), { architecture: "amd64", os: "linux" });
    assert.deepEqual(valued(selectEntries({ entries: [only, entry(descriptor("text/plain"))], foreign: 0 }, "x")), [only]);
  });

  test("one image built for several platforms with the same layer is one; different layers are to be looked into", () => {
    const layer = descriptor(GZIP);
    const amd64 = entry(layer, { architecture: "amd64", os: "linux" });
    const arm64 = entry(layer, { architecture: "arm64", os: "linux" });
    assert.deepEqual(valued(selectEntries({ entries: [amd64, arm64], foreign: 0 }, "x")), [amd64]);
    const other = entry(descriptor(GZIP), { architecture: "arm64", os: "linux" });
    assert.deepEqual(valued(selectEntries({ entries: [amd64, arm64, other, amd64], foreign: 0 }, "x")), [amd64, other]);
    failed(selectEntries({ entries: [entry(descriptor("text/plain"))], foreign: 0 }, "x"), "NoWasmLayer");
  });

  test("attestations beside an image are no candidates", () => {
    const image = descriptor("m");
    const attestation = descriptor("m", { annotations: { "vnd.docker.reference.type": "attestation-manifest" } });
    assert.deepEqual(
      candidates({ kind: "index", mediaType: "i", digest: digest(), manifests: [attestation, image], foreign: 0, annotations: {} }),
      [image],
    );
  });
});
