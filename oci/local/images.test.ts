import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { systemClock } from "../../model/clock.ts";
import { createArtifact, type ImageContent, readContent } from "../image/content.ts";
import { inspectImage, inspectIn } from "../inspect.ts";
import { blobPath } from "../layout/files.ts";
import { pushImage } from "../push.ts";
import type { RawManifest } from "../repository/manifest.ts";
import { formatReference, parseReference, type RegistryReference } from "../repository/reference.ts";
import { attach, listReferrers } from "../repository/referrers.ts";
import type { RepositoryReader } from "../repository/repository.ts";
import { wasm } from "../testing/images.ts";
import { failed, valued } from "../testing/result.ts";
import { localImagesDirectory } from "./directory.ts";
import { type LocalImage, type LocalImagesOptions, openLocalImages } from "./images.ts";

const base = await mkdtemp(join(tmpdir(), "weir-local-"));
after(() => rm(base, { recursive: true, force: true }));

let count = 0;
const fresh = (options: LocalImagesOptions = {}) => openLocalImages(join(base, `images-${++count}`), options);

function ref(text: string): RegistryReference {
  const parsed = valued(parseReference(text));
  assert.ok(parsed.kind === "registry");
  return parsed;
}

const image = (name: string, padding = 0): ImageContent => createArtifact(wasm(name, padding));
const names = (images: readonly LocalImage[]) => images.map(({ name }) => (name === undefined ? "<none>" : formatReference(name)));
const files = (directory: string) => readdirSync(join(directory, "blobs", "sha256")).sort();
const F = "registry.example/me/f";

describe("keeping images", () => {
  test("an image is found by its tag and its digest, and its module comes back the same", async () => {
    const images = fresh();
    assert.deepEqual(valued(await images.list()), []);
    const kept = valued(await images.put(ref(`${F}:0.1`), image("one", 500)));
    assert.equal(kept.digest, image("one", 500).manifest.digest);
    const found = valued(await images.find(ref(`${F}:0.1`)));
    assert.deepEqual(found, kept);
    assert.equal(valued(await images.find(ref(`${F}@${kept.digest}`)))?.digest, kept.digest);
    for (const other of [`${F}:0.2`, "registry.example/me/g:0.1", `registry.example/me/g@${kept.digest}`])
      assert.equal(valued(await images.find(ref(other))), undefined, other);
    const inspected = valued(await inspectIn(images.repository(ref(F)), ref(`${F}:0.1`)));
    assert.deepEqual(inspected.bytes, wasm("one", 500));
    assert.deepEqual(valued(await images.repository(ref(F)).tags()), ["0.1"]);
  });

  test("index.json names an image as containerd does, in a layout that other tools read", async () => {
    const images = fresh();
    const { digest } = valued(await images.put(ref("me/f:0.1"), image("one")));
    const index = JSON.parse(await readFile(join(images.directory, "index.json"), "utf8"));
    const { "dev.weir.image.added": added, ...annotations } = index.manifests[0].annotations;
    assert.ok(Date.parse(added) > 0);
    assert.deepEqual(annotations, { "io.containerd.image.name": "docker.io/me/f:0.1", "org.opencontainers.image.ref.name": "0.1" });
    const read = valued(await inspectImage(`oci-layout:${images.directory}:0.1`, { keychain: new Map(), layoutBase: base }));
    assert.equal(read.manifest.digest, digest);
  });

  test("it goes on to another place with the same digest", async () => {
    const images = fresh();
    const { digest } = valued(await images.put(ref(`${F}:0.1`), image("one", 500)));
    const content = valued(await readContent(images.repository(ref(F)), { digest }));
    const pushed = valued(await pushImage("oci-layout:elsewhere:v1", content, { keychain: new Map(), layoutBase: base }));
    assert.equal(pushed.digest, digest);
    const again = fresh();
    assert.equal(valued(await again.put(ref("other.example/f:1"), content)).digest, digest);
  });

  test("entries that other tools wrote are kept, shown by digest, and can be removed", async () => {
    const images = fresh();
    valued(await images.put(ref(`${F}:1`), image("one")));
    const path = join(images.directory, "index.json");
    const index = JSON.parse(await readFile(path, "utf8"));
    const { digest } = index.manifests[0];
    const foreign = { ...index.manifests[0], annotations: { "org.example.kept": "yes" }, urls: ["https://x.example"] };
    await writeFile(path, JSON.stringify({ ...index, manifests: [foreign], annotations: { own: "text" } }));
    valued(await images.put(ref(`${F}:2`), image("two")));
    const changed = JSON.parse(await readFile(path, "utf8"));
    assert.deepEqual([changed.manifests[0], changed.annotations], [foreign, { own: "text" }]);
    assert.deepEqual(names(valued(await images.list())).sort(), ["<none>", `${F}:2`]);
    assert.deepEqual(valued(await images.remove(digest.slice(7, 19))).deleted, [digest]);
  });
});

describe("names that move", () => {
  test("the image that had the tag stays by its digest, and goes when asked for", async () => {
    const images = fresh();
    const [one, two] = [image("one"), image("two")];
    valued(await images.put(ref(`${F}:dev`), one));
    valued(await images.put(ref(`${F}:dev`), two));
    assert.deepEqual(names(valued(await images.list())), [`${F}:dev`, `${F}@${one.manifest.digest}`]);
    assert.equal(valued(await images.find(ref(`${F}:dev`)))?.digest, two.manifest.digest);
    valued(await images.put(ref(`${F}:dev`), one));
    assert.deepEqual(names(valued(await images.list())), [`${F}:dev`, `${F}@${two.manifest.digest}`], "back again");
    const removed = valued(await images.remove(two.manifest.digest.slice(7, 19)));
    assert.deepEqual(removed.deleted, [two.manifest.digest]);
  });

  test("of images that were replaced the newest are kept, and the others' blobs are deleted", async () => {
    let now = Date.parse("2026-01-01T00:00:00Z");
    const images = fresh({ clock: { ...systemClock, now: () => (now += 1000) }, maxReplaced: 2 });
    for (const name of ["one", "two", "three", "four"]) valued(await images.put(ref(`${F}:dev`), image(name)));
    const left = valued(await images.list()).map(({ digest }) => digest);
    assert.deepEqual(left.sort(), ["two", "three", "four"].map((name) => image(name).manifest.digest).sort());
    assert.equal(files(images.directory).length, 3 * 3);
  });
});

describe("removing", () => {
  test("what another name needs stays: a shared image, and a shared layer", async () => {
    const images = fresh();
    const shared = createArtifact(wasm("one"), { annotations: { a: "b" } });
    valued(await images.put(ref(`${F}:1`), image("one")));
    valued(await images.put(ref(`${F}:2`), image("one")));
    valued(await images.put(ref(`${F}:3`), shared));
    assert.deepEqual(valued(await images.remove(`${F}:1`)), { untagged: [ref(`${F}:1`)], deleted: [] });
    assert.deepEqual(valued(await images.remove(`${F}:2`)), { untagged: [ref(`${F}:2`)], deleted: [image("one").manifest.digest] });
    assert.deepEqual(valued(await inspectIn(images.repository(ref(F)), ref(`${F}:3`))).bytes, wasm("one"));
    valued(await images.remove(`${F}:3`));
    assert.deepEqual(files(images.directory), []);
  });

  test("a digest with several names is refused with the names, and what is not there by its name", async () => {
    const images = fresh();
    const { digest } = valued(await images.put(ref(`${F}:1`), image("one")));
    valued(await images.put(ref(`${F}:2`), image("one")));
    for (const what of [digest, digest.slice(7, 19), `${F}@${digest}`])
      assert.match(failed(await images.remove(what), "SeveralNames").message, /f:1, .*f:2/);
    for (const what of ["nothing.example/a:1", "abcdef", "", "oci-layout:x:1", "\u001b[31m"])
      failed(await images.remove(what), "ImageNotFound");
  });

  test("what a crash left behind goes after a day, and nothing goes while a kept image is damaged", async () => {
    const images = fresh();
    for (const name of ["one", "two", "three"]) valued(await images.put(ref(`${F}:${name}`), image(name)));
    const folder = join(images.directory, "blobs", "sha256");
    const old = new Date(Date.now() - 25 * 3_600_000);
    for (const name of [".tmp-old", "f".repeat(64), ".tmp-new"]) await writeFile(join(folder, name), "x");
    for (const name of [".tmp-old", "f".repeat(64)]) await utimes(join(folder, name), old, old);
    valued(await images.remove(`${F}:one`));
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith(".tmp") || name.startsWith("ffff")),
      [".tmp-new"],
    );
    await writeFile(blobPath(images.directory, image("two").manifest.digest), "damaged");
    const before = files(images.directory);
    valued(await images.remove(`${F}:three`));
    assert.deepEqual(files(images.directory), before);
    assert.equal(valued(await images.find(ref(`${F}:two`)))?.size, undefined);
    valued(await images.put(ref(`${F}:two`), image("two")));
    valued(await inspectIn(images.repository(ref(F)), ref(`${F}:two`)));
  });
});

describe("what goes wrong", () => {
  test("a damaged layer is told, and mended by putting the image again", async () => {
    const images = fresh();
    const { digest } = valued(await images.put(ref(`${F}:1`), image("one", 900)));
    const layer = image("one", 900).blobs[0]?.digest ?? digest;
    const path = blobPath(images.directory, layer);
    const bytes = await readFile(path);
    bytes[bytes.length - 1] = 1;
    await writeFile(path, bytes);
    failed(await inspectIn(images.repository(ref(F)), ref(`${F}:1`)), "DigestMismatch");
    valued(await images.put(ref(`${F}:1`), image("one", 900)));
    valued(await inspectIn(images.repository(ref(F)), ref(`${F}:1`)));
  });

  test("an image that cannot be read whole leaves nothing", async () => {
    const images = fresh();
    valued(await images.put(ref(`${F}:1`), image("one")));
    const before = files(images.directory);
    const broken: ImageContent = { ...image("two"), read: async () => failed2() };
    failed(await images.put(ref(`${F}:1`), broken), "TruncatedBlob");
    assert.deepEqual(files(images.directory), before);
    assert.deepEqual(names(valued(await images.list())), [`${F}:1`]);
  });

  test("an index.json that is none is refused, and not overwritten", async () => {
    const images = fresh();
    valued(await images.put(ref(`${F}:1`), image("one")));
    for (const text of ["{", "[]", "null", '{"schemaVersion":2,"manifests":[1]}']) {
      await writeFile(join(images.directory, "index.json"), text);
      for (const result of [await images.list(), await images.put(ref(`${F}:2`), image("two")), await images.remove(`${F}:1`)])
        failed(result, "InvalidManifest");
      assert.equal(await readFile(join(images.directory, "index.json"), "utf8"), text);
    }
  });

  test("the folder is the one of XDG_DATA_HOME, where that is absolute", () => {
    assert.equal(localImagesDirectory({ XDG_DATA_HOME: "/data", HOME: "/home/a" }), "/data/weir/images");
    for (const XDG_DATA_HOME of [undefined, "", "relative"])
      assert.equal(localImagesDirectory({ XDG_DATA_HOME, HOME: "/home/a" }), "/home/a/.local/share/weir/images");
  });
});

function failed2() {
  return { ok: false, error: { reason: "TruncatedBlob", message: "it broke off", retryable: true } } as const;
}

describe("what refers to an image", () => {
  const attached = async (images: ReturnType<typeof fresh>, name: string) => {
    const content = image(name);
    const reference = ref(`registry.example/me/${name}:1`);
    valued(await images.put(reference, content));
    const repository = images.open(reference);
    const add = (subject: RawManifest, text: string) =>
      attach(repository, subject, { mediaType: "application/x-document", bytes: new TextEncoder().encode(text) });
    const bill = valued(await add(content.manifest, `a bill of ${name}`));
    valued(await add(valued(await repository.manifest(bill)), `a signature of ${bill}`));
    return { reference, repository, digest: content.manifest.digest, bill };
  };

  test("goes with its image, and so does what refers to that in turn; of another image it stays", async () => {
    const images = fresh();
    const kept = await attached(images, "kept");
    const before = files(images.directory);
    const gone = await attached(images, "gone");
    assert.deepEqual(
      names(valued(await images.list())),
      [gone, kept].map(({ reference }) => formatReference(reference)),
    );
    const removed = valued(await images.remove(formatReference(gone.reference)));
    assert.deepEqual(removed.deleted, [gone.digest]);
    assert.deepEqual(files(images.directory), before);
    for (const subject of [kept.digest, kept.bill]) assert.equal(valued(await listReferrers(kept.repository, subject)).length, 1);
    valued(await images.remove(formatReference(kept.reference)));
    assert.deepEqual(files(images.directory), []);
  });

  test("stays while the image has another name in the repository, and the list of it is never a name", async () => {
    const images = fresh();
    const { reference, repository, digest } = await attached(images, "f");
    valued(await images.put(reference, image("other")));
    assert.equal(valued(await listReferrers(repository, digest)).length, 1, "its tag went to another image");
    failed(await images.remove(digestAtTag(await repository.peek(digest.replace(":", "-")))), "ImageNotFound");
    valued(await images.remove(digest));
    assert.equal(valued(await listReferrers(repository, digest)).length, 0);
  });
});

const digestAtTag = (peeked: Awaited<ReturnType<RepositoryReader["peek"]>>) => valued(peeked) ?? "";
