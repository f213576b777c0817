import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import type { WasmPolicy } from "../../model/gen/wasmpolicy.ts";
import { failForNow, ok, type Result } from "../../model/result.ts";
import { digest } from "../testing/fixtures.ts";
import type { FleetClient } from "./client.ts";
import { createFolderClient } from "./folder.ts";
import { parseManifests } from "./manifests.ts";

const KEY = { namespace: "shop", name: "add-header" };
const PIN = digest("feed");
const MANIFEST = `# what every page of the shop needs
apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata:
  name: add-header
  namespace: shop
spec:
  image: oci-layout:./images:1 # moved by the release job
  config: {header: x-weir}
  env:
  - name: A # the list stays where it is
    value: b
`;
const SECOND = `---
# not to be touched
apiVersion: v1
kind: Secret
metadata: { name:   creds }
stringData:   {password: "x"}
`;

let dir: string;
let running: Result<readonly WasmFilter[]>;
let runningPolicies: Result<readonly WasmPolicy[]>;
let client: FleetClient;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "weir-folder-"));
  running = failForNow("ServerUnreachable", "nobody is there");
  runningPolicies = failForNow("ServerUnreachable", "nobody is there");
  const policies = async () => runningPolicies;
  client = createFolderClient(dir, "default", { filters: async () => running, policies, revisions: async () => ok([]) });
});

afterEach(() => rmSync(dir, { recursive: true }));

function put(name: string, text: string): void {
  writeFileSync(join(dir, name), text);
}

function text(name: string): string {
  return readFileSync(join(dir, name), "utf8");
}

async function apply(manifest: string): Promise<string> {
  const parsed = parseManifests(manifest, "given");
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.error.message);
  const said: string[] = [];
  for (const each of parsed.value) {
    const applied = await client.apply(each);
    if (!applied.ok) return `${applied.error.reason}: ${applied.error.message}`;
    said.push(`${applied.value.name} ${applied.value.action}${applied.value.pin === undefined ? "" : " pinned"}`);
  }
  return said.join(", ");
}

async function done(result: Promise<Result<unknown>>): Promise<void> {
  const settled = await result;
  assert.ok(settled.ok, settled.ok ? "" : settled.error.message);
}

describe("apply", () => {
  test("a new object gets a file of its own, as it was written", async () => {
    assert.equal(await apply(MANIFEST), "add-header created");
    assert.equal(text("shop-add-header.yaml"), MANIFEST);
  });

  test("names that meet get different files", async () => {
    await apply(MANIFEST);
    assert.equal(await apply(MANIFEST.replace("namespace: shop", "namespace: other")), "add-header created");
    assert.deepEqual(readdirSync(dir), ["other-add-header.yaml", "shop-add-header.yaml"]);
  });

  test("a Secret's file is for its owner's eyes only", async () => {
    await apply(SECOND);
    assert.equal(statSync(join(dir, "creds-secret.yaml")).mode & 0o777, 0o600);
  });

  test("an object is replaced where it stands; the rest of its file stays to the letter", async () => {
    put("all.yaml", `${MANIFEST}${SECOND}`);
    const changed = MANIFEST.replace("x-weir", "x-other").replace("what every page", "what each page");
    assert.equal(await apply(changed), "add-header configured");
    assert.equal(text("all.yaml"), `${changed}${SECOND}`);
    assert.deepEqual(readdirSync(dir), ["all.yaml"]);
  });

  test("applying the same again changes nothing", async () => {
    await apply(MANIFEST);
    assert.equal(await apply(MANIFEST), "add-header unchanged");
  });

  test("nothing is written where nothing changes in meaning: after a pin, with other comments, with nulls for what is not set", async () => {
    put("a.yaml", MANIFEST);
    await done(client.patch(KEY, { digest: PIN }));
    const pinned = text("a.yaml");
    for (const same of [
      MANIFEST,
      MANIFEST.replace("what every page", "what each page"),
      MANIFEST.replace("spec:\n", "spec:\n  url: ~\n"),
    ]) {
      assert.equal(await apply(same), "add-header unchanged pinned");
      assert.equal(text("a.yaml"), pinned);
    }
    await apply(MANIFEST.replace("header: x-weir", "header: x-weir, none: ~"));
    assert.notEqual(text("a.yaml"), pinned, "inside a configuration a null is a value");
  });

  test("null stands for a field that is not set: no pin, for plan, apply and all that reads a filter", async () => {
    const NULLS = MANIFEST.replace("spec:\n", "spec:\n  digest: ~\n  url: null\n  rollout:\n  suspend: ~\n  pullSecrets: ~\n");
    put("a.yaml", NULLS);
    const found = await client.get(KEY);
    assert.ok(found.ok);
    assert.deepEqual(
      Object.keys(found.value.spec).filter((field) => ["digest", "url", "rollout", "suspend", "pullSecrets"].includes(field)),
      [],
    );
    assert.equal(await apply(MANIFEST), "add-header unchanged");
    assert.equal(await apply(MANIFEST.replace("x-weir", "x-other")), "add-header configured");
    assert.doesNotMatch(text("a.yaml"), /digest/);
    put("a.yaml", MANIFEST);
    await done(client.patch(KEY, { digest: PIN }));
    assert.equal(await apply(NULLS), "add-header configured", "a null takes the pin away, as by kubectl apply");
    assert.equal(await apply(MANIFEST), "add-header unchanged");
    put("a.yaml", MANIFEST);
    running = ok([{ metadata: { ...KEY, uid: "u", generation: 3 }, spec: { ...found.value.spec, digest: null } as never, status: {} }]);
    const same = await client.get(KEY);
    assert.equal(same.ok && same.value.metadata.generation, 3, "a server that has the nulls has read this spec");
  });

  test("what the API server would refuse is refused before it is written", async () => {
    const answer = await apply(MANIFEST.replace("image:", "imaeg:"));
    assert.match(answer, /^InvalidSpec: .*spec\.imaeg: unknown field/);
    assert.deepEqual(readdirSync(dir), []);
  });
});

describe("changes of one field", () => {
  test("a pin is one line more, comments and all else stay", async () => {
    put("all.yaml", `${MANIFEST}${SECOND}`);
    await done(client.patch(KEY, { digest: PIN }));
    const pinned = MANIFEST.replace("  config", `  digest: "${PIN}"\n  config`);
    assert.equal(text("all.yaml"), `${pinned}${SECOND}`);
    await done(client.patch(KEY, { digest: null }));
    assert.equal(text("all.yaml"), `${MANIFEST}${SECOND}`);
  });

  test("a digest that is there is replaced in place", async () => {
    put("a.yaml", MANIFEST.replace("  config", `  digest: ${digest("01")} # last week's\n  config`));
    await done(client.patch(KEY, { digest: PIN }));
    assert.equal(text("a.yaml"), MANIFEST.replace("  config", `  digest: "${PIN}" # last week's\n  config`));
  });

  test("annotations come and go, comments stay", async () => {
    put("a.yaml", MANIFEST);
    await done(client.patch(KEY, { annotations: { "weir.dev/rollout-paused": "true" } }));
    assert.match(text("a.yaml"), /\n {2}annotations:\n {4}weir\.dev\/rollout-paused: "true"\n/);
    await done(client.patch(KEY, { annotations: { "weir.dev/rollout-paused": null } }));
    assert.doesNotMatch(text("a.yaml"), /rollout-paused/);
    for (const comment of MANIFEST.match(/#.*$/gm) ?? []) assert.ok(text("a.yaml").includes(comment), comment);
  });

  test("an empty annotations field is no obstacle", async () => {
    put("a.yaml", MANIFEST.replace("  namespace", "  annotations:\n  namespace"));
    await done(client.patch(KEY, { annotations: { "weir.dev/rollout-paused": "true" } }));
    assert.match(text("a.yaml"), /annotations:\n {4}weir\.dev\/rollout-paused: "true"\n/);
  });
});

describe("apply after a rollback or a pause", () => {
  test("a pin and a pause that a manifest does not mention survive its apply, and the pin is told", async () => {
    put("a.yaml", MANIFEST);
    await done(client.patch(KEY, { digest: PIN, annotations: { "weir.dev/rollout-paused": "true" } }));
    assert.equal(await apply(MANIFEST.replace("x-weir", "x-other")), "add-header configured pinned");
    assert.match(text("a.yaml"), /x-other[\s\S]*digest: "sha256:feed/);
    assert.match(text("a.yaml"), /rollout-paused: "true"/);
  });

  test("a manifest that names a digest of its own wins over the pin", async () => {
    put("a.yaml", `${MANIFEST}  digest: ${PIN}\n`);
    assert.equal(await apply(`${MANIFEST}  digest: ${digest("02")}\n`), "add-header configured");
    assert.match(text("a.yaml"), /digest: sha256:02/);
  });
});

describe("JSON, Lists and foreign objects", () => {
  test("JSON stays JSON", async () => {
    const object = {
      apiVersion: "weir.dev/v1alpha1",
      kind: "WasmFilter",
      metadata: { name: "add-header", namespace: "shop" },
      spec: { image: "a/b:1" },
    };
    put("a.json", JSON.stringify(object));
    await done(client.patch(KEY, { digest: PIN }));
    assert.deepEqual(JSON.parse(text("a.json")), { ...object, spec: { image: "a/b:1", digest: PIN } });
  });

  test("an item of a List is read, and refused as something to edit", async () => {
    const item =
      "- apiVersion: weir.dev/v1alpha1\n  kind: WasmFilter\n  metadata: {name: add-header, namespace: shop}\n  spec: {image: a/b:1}\n";
    put("list.yaml", `apiVersion: v1\nkind: List\nitems:\n${item}`);
    const filter = await client.get(KEY);
    assert.ok(filter.ok);
    assert.equal(filter.value.spec.image, "a/b:1");
    const result = await client.patch(KEY, { digest: PIN });
    assert.ok(!result.ok);
    assert.match(result.error.message, /item of a List in list\.yaml/);
  });

  test("what is not Weir's is refused as input and left alone in the folder, whatever its kind is called", async () => {
    const foreign = MANIFEST.replace("weir.dev/v1alpha1", "other.example/v1");
    const parsed = parseManifests(`${SECOND.slice(4)}---\n${foreign}`, "given");
    assert.ok(!parsed.ok);
    assert.match(
      parsed.error.message,
      /^given: line \d+: other\.example\/v1 WasmFilter add-header is not Weir's; .*; apply it with kubectl$/,
    );
    put("a.yaml", foreign);
    assert.deepEqual(await client.list(undefined), ok([]));
  });

  test("the items of a List are applied one by one", async () => {
    const item = { apiVersion: "weir.dev/v1alpha1", kind: "WasmFilter", metadata: KEY, spec: { image: "a/b:1" } };
    assert.equal(await apply(JSON.stringify({ apiVersion: "v1", kind: "List", items: [item] })), "add-header created");
    assert.match(text("shop-add-header.yaml"), /image: a\/b:1/);
  });
});

describe("delete, links and aliases", () => {
  test("delete takes the object, and the file when nothing else is in it", async () => {
    put("all.yaml", `${MANIFEST}${SECOND}`);
    await done(client.remove(KEY));
    assert.equal(text("all.yaml"), SECOND);
    put("one.yaml", MANIFEST);
    await done(client.remove(KEY));
    assert.deepEqual(readdirSync(dir), ["all.yaml"]);
  });

  test("a link to a manifest stays a link", async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "weir-elsewhere-"));
    try {
      writeFileSync(join(elsewhere, "real.yaml"), MANIFEST);
      symlinkSync(join(elsewhere, "real.yaml"), join(dir, "link.yaml"));
      await done(client.patch(KEY, { digest: PIN }));
      assert.match(readFileSync(join(elsewhere, "real.yaml"), "utf8"), /digest: "sha256:feed/);
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  test("a spec behind an alias is not edited by halves", async () => {
    const aliased = MANIFEST.replace("spec:", "base: &base").concat("spec: *base\n");
    put("a.yaml", aliased);
    const result = await client.patch(KEY, { digest: PIN });
    assert.ok(!result.ok);
    assert.match(result.error.message, /a\.yaml cannot be edited; change spec\.digest .* by hand/);
    assert.equal(text("a.yaml"), aliased);
  });

  test("what is not there is not found, with where to look", async () => {
    for (const result of [await client.get(KEY), await client.patch(KEY, { digest: PIN }), await client.remove(KEY)]) {
      assert.ok(!result.ok);
      assert.match(result.error.message, /no manifest in .* holds WasmFilter shop\/add-header/);
    }
  });
});

describe("reading", () => {
  test("a folder that is not there is a failure; a broken file is a note", async () => {
    const missing = await createFolderClient(join(dir, "nope"), "default", {
      filters: async () => running,
      policies: async () => runningPolicies,
      revisions: async () => ok([]),
    }).list(undefined);
    assert.ok(!missing.ok);
    assert.match(missing.error.message, /cannot read the manifest folder .*nope \(ENOENT\)/);
    put("broken.yaml", "a: [\n");
    put("fine.yaml", MANIFEST);
    const filters = await client.list("shop");
    assert.ok(filters.ok);
    assert.equal(filters.value.length, 1);
    assert.ok(client.notes().some((note) => /broken\.yaml: line 2, column 1: not YAML/.test(note)));
  });

  test("without a server the specs are shown, and a note says why there is no status", async () => {
    put("a.yaml", MANIFEST);
    const filters = await client.list("shop");
    assert.ok(filters.ok);
    assert.equal(filters.value[0]?.status, undefined);
    assert.deepEqual(client.notes(), ["no status: nobody is there"]);
  });

  test("status and identity come from the server; a spec it has not read yet counts as the next generation", async () => {
    put("a.yaml", MANIFEST);
    const spec = { image: "oci-layout:./images:1", config: { header: "x-weir" }, env: [{ name: "A", value: "b" }] };
    running = ok([{ metadata: { ...KEY, uid: "u", generation: 3 }, spec, status: { observedGeneration: 3 } }]);
    const now = await client.get(KEY);
    assert.ok(now.ok);
    assert.deepEqual([now.value.metadata.uid, now.value.metadata.generation, now.value.status?.observedGeneration], ["u", 3, 3]);
    await done(client.patch(KEY, { digest: PIN }));
    const later = await client.get(KEY);
    assert.ok(later.ok);
    assert.deepEqual([later.value.metadata.generation, later.value.status?.observedGeneration, later.value.spec.digest], [4, 3, PIN]);
  });

  test("a bomb of aliases is refused as input and skipped in the folder", async () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`;
    const parsed = parseManifests(bomb, "given");
    assert.ok(!parsed.ok);
    assert.equal(parsed.error.reason, "InvalidManifest");
    put("bomb.yaml", bomb);
    assert.ok((await client.list(undefined)).ok);
  });
});

describe("a folder with policies", () => {
  test("lists them by name, with the status that the server has of this very spec", async () => {
    const policy = (name: string, spec: string) =>
      `apiVersion: weir.dev/v1alpha1\nkind: WasmPolicy\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
    put("policies.yaml", [policy("signed", "{urls: Allow}"), policy("base", "{urls: Deny}")].join("---\n"));
    const alone = await client.policies();
    assert.ok(alone.ok);
    assert.deepEqual(
      alone.value.map(({ metadata, status }) => [metadata.name, status]),
      [
        ["base", undefined],
        ["signed", undefined],
      ],
    );
    assert.deepEqual([client.knowsStatus(), client.notes()], [false, ["no status: nobody is there"]]);
    const known = (name: string, urls: "Allow" | "Deny") => ({ metadata: { name }, spec: { urls }, status: { filters: 3, violating: 1 } });
    runningPolicies = ok([known("base", "Deny"), known("signed", "Deny"), known("gone", "Deny")]);
    const all = await client.policies();
    assert.ok(all.ok);
    assert.deepEqual(
      all.value.map(({ metadata, status }) => [metadata.name, status?.violating]),
      [
        ["base", 1],
        ["signed", undefined],
      ],
    );
    assert.equal(client.knowsStatus(), true);
  });

  const POLICY = `apiVersion: weir.dev/v1alpha1
kind: WasmPolicy
metadata: {name: base, namespace: ignored}
spec:
  namespaceSelector: {matchLabels: {team: a}}
  images: [{pattern: "registry.example/**"}]
  maxFiltersPerSlot: 1
`;
  const NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n";
  const filter = (image: string, name = "f", slot = "default") =>
    `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata: {name: ${name}, namespace: shop}\nspec: {image: ${image}, slot: ${slot}}\n`;

  async function said(manifest: string): Promise<string> {
    const parsed = parseManifests(manifest, "given");
    assert.ok(parsed.ok, parsed.ok ? "" : parsed.error.message);
    const [first] = parsed.value;
    assert.ok(first !== undefined);
    const applied = await client.apply(first);
    if (!applied.ok) return applied.error.message;
    const { kind, namespace, name, action, warnings = [] } = applied.value;
    return [`${kind} ${namespace}/${name} ${action}`, ...warnings].join("; ");
  }

  test("takes what holds, refuses what violates one, and warns where it is only audited", async () => {
    assert.equal(await said(POLICY), "WasmPolicy /base created");
    assert.equal(await said(NAMESPACE), "Namespace /shop created");
    assert.deepEqual(readdirSync(dir).sort(), ["base-wasmpolicy.yaml", "shop-namespace.yaml"]);
    assert.equal(await said(filter("registry.example/a/f:1")), "WasmFilter shop/f created");
    const why = "docker.io/library/f is not allowed; take the image from one of registry.example/** (WasmPolicy base, rule images)";
    assert.equal(await said(filter("f:1")), `spec.image: ${why}`);
    assert.equal(await said(filter("f:1").replace("namespace: shop", "namespace: other")), "WasmFilter other/f created");
    assert.match(
      await said(filter("registry.example/a/f:1", "g")),
      /^spec\.slot: slot default has 1 of at most 1 filters .*rule maxFiltersPerSlot/,
    );
    assert.equal(await said(filter("registry.example/a/f:2")), "WasmFilter shop/f configured");
    assert.equal(await said(filter("registry.example/a/f:1", "g", "edge")), "WasmFilter shop/g created");
    assert.equal(await said(`${POLICY}  mode: Audit\n`), "WasmPolicy /base configured");
    assert.equal(await said(filter("f:1")), `WasmFilter shop/f configured; spec.image: ${why.replace("images)", "images, audited)")}`);
  });

  test("refuses a policy that is wrong, and says where one stands that cannot be read", async () => {
    assert.match(await said(POLICY.replace("images:", "imagse:")), /^WasmPolicy base: spec\.imagse: unknown field; did you mean images\?/);
    put("base.yaml", POLICY.replace("maxFiltersPerSlot: 1", "maxFiltersPerSlot: many"));
    put("shop.yaml", NAMESPACE);
    assert.match(
      await said(filter("f:1")),
      /^WasmFilter shop\/f created; WasmPolicy base cannot be read: spec\.maxFiltersPerSlot: must be an integer, .*; nothing new goes out before that is mended$/,
    );
  });

  test("plans one that is wrong as refused, and one that is as it is as unchanged", async () => {
    const planned = async (manifest: string) => {
      const parsed = parseManifests(manifest, "given");
      assert.ok(parsed.ok && parsed.value[0] !== undefined);
      const preview = await client.preview(parsed.value[0]);
      assert.ok(preview.ok);
      return `${preview.value.action} ${preview.value.refusal?.reason ?? ""}`;
    };
    assert.equal(await planned(POLICY), "created ");
    put("base.yaml", POLICY);
    assert.equal(await planned(POLICY), "unchanged ");
    assert.equal(await planned(POLICY.replace("Slot: 1", "Slot: 2")), "configured ");
    assert.equal(await planned(POLICY.replace("Slot: 1", "Slot: none")), "configured InvalidSpec");
  });
});
