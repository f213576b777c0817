import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Catalog, CatalogImage, ImageDescription, Look } from "../../model/catalog.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { FILTER, startHub } from "../testing/scene.ts";

const DIGEST = `sha256:${"a".repeat(64)}` as const;
const SHOWN = "registry.example/filters/waf";

const DESCRIPTION: ImageDescription = {
  title: "Firewall",
  text: "Stops bad requests",
  version: "1.2.0",
  created: "2026-01-01T00:00:00Z",
  licence: "MIT",
  vendor: "Shop",
  keywords: ["security"],
  abi: "0.2.1",
  isDeprecated: true,
  links: [{ name: "README", url: "https://example.org/readme" }],
  annotations: [["some", "thing"]],
};

const IMAGE: CatalogImage = {
  tags: ["1.2.0", "1.2"],
  digest: DIGEST,
  manifests: [DIGEST],
  size: 2_048,
  description: DESCRIPTION,
  isSigned: undefined,
  referrers: [{ digest: DIGEST, artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json" }],
  problem: undefined,
};

function look<T>(value: T | undefined, rest: Partial<Look<T>> = {}): Look<T> {
  return { value, at: value === undefined ? undefined : 0, problem: undefined, isReading: false, ...rest };
}

function createFakeCatalog(overrides: Partial<Catalog> = {}): { readonly catalog: Catalog; readonly asked: string[] } {
  const asked: string[] = [];
  const noting = <T>(repository: string, value: T): T => {
    asked.push(repository);
    return value;
  };
  const catalog: Catalog = {
    repositories: [SHOWN],
    repositoryOf: (image) => image.replace(/[:@][^/]*$/, ""),
    summary: async (name) => noting(name, look({ description: DESCRIPTION, tag: "1.2.0", tags: 2 })),
    images: async (name) => noting(name, look({ images: [IMAGE], others: ["0.9"] })),
    readme: async (name) => noting(name, look({ readme: { text: "Some *words*", isCut: true } })),
    ...overrides,
  };
  return { catalog, asked };
}

function user(name: string, image: string, status: object = {}): WasmFilter {
  return { ...FILTER, metadata: { name, namespace: "shop" }, spec: { image }, status } as unknown as WasmFilter;
}

const HISTORY = [
  {
    revision: 1,
    digest: DIGEST,
    wasmDigest: DIGEST,
    image: "registry.example/private/f:7",
    time: "2026-01-01T00:00:00Z",
    result: "Succeeded",
  },
];

async function read(
  catalog: Catalog,
  filters: readonly WasmFilter[],
  paths: readonly string[],
): Promise<readonly { status: number; text: string; body: string }[]> {
  const scene = await startHub({ filters: () => filters, proxies: () => [] }, { catalog });
  try {
    return await Promise.all(
      paths.map(async (path) => {
        const { status, body } = await scene.ask(path, { headers: { accept: "text/html" } });
        const utf8 = Buffer.from(body, "latin1").toString("utf8");
        return { status, body: utf8, text: utf8.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ") };
      }),
    );
  } finally {
    await scene.hub.close();
  }
}

describe("the catalog's pages", () => {
  test("what an image says, how to take it and who has it stand together", async () => {
    const filters = [user("front", `${SHOWN}:1.2`, { history: [{ ...HISTORY[0], image: `${SHOWN}:1.2` }] })];
    const [list, one] = await read(createFakeCatalog().catalog, filters, ["/catalog", `/catalog/${SHOWN}`]);
    assert.match(list?.text ?? "", /deprecated Firewall Stops bad requests security/);
    assert.match(one?.text ?? "", /1\.2\.0 , 1\.2 aaaaaaaaaaaa/);
    assert.match(one?.text ?? "", /2 KiB not known loads for shop\/ front/);
    assert.match(one?.text ?? "", /README of 1\.2\.0 Some words It is longer/);
    assert.match(one?.text ?? "", new RegExp(`weir pull ${SHOWN}:1\\.2\\.0`));
    assert.match(one?.text ?? "", /kind: WasmFilter metadata: name: waf spec: image: registry\.example\/filters\/waf:1\.2\.0/);
    assert.match(one?.text ?? "", /signature application\/vnd\.dev\.sigstore/);
    assert.match(one?.text ?? "", /Older tags, which were not looked at: 0\.9/);
    assert.match(one?.text ?? "", /Used by shop\/ front 1\.2/);
  });

  test("the list is searched, and its choices are in the URL", async () => {
    const filters = [user("front", "registry.example/private/f:7")];
    const queries = ["q=FIREWALL", "q=none", "keyword=security", "licence=MIT", "licence=GPL", "used=yes"];
    const pages = await read(
      createFakeCatalog().catalog,
      filters,
      queries.map((query) => `/catalog?${query}`),
    );
    const names = pages.map(({ body }) => [...body.matchAll(/<tr id="repository-([^"]+)"/g)].map(([, name]) => name));
    assert.deepEqual(names, [[SHOWN], [], [SHOWN], [SHOWN], [], ["registry.example/private/f"]]);
    const [owner, nobody] = await read(createFakeCatalog().catalog, filters, [
      "/catalog/owners/registry.example/filters",
      "/catalog/owners/registry.example/nobody",
    ]);
    assert.match(owner?.text ?? "", /Firewall/);
    assert.doesNotMatch(owner?.text ?? "", /private/);
    assert.equal(nobody?.status, 404);
  });

  test("the registry of what only filters name is not asked: they show what they had", async () => {
    const { catalog, asked } = createFakeCatalog();
    const filters = [user("front", "registry.example/private/f:7", { history: HISTORY }), user("odd", "oci-layout:../x:1")];
    const [list, one, odd, none, url] = await read(catalog, filters, [
      "/catalog",
      "/catalog/registry.example/private/f",
      `/catalog/repository?${new URLSearchParams({ name: "oci-layout:../x" })}`,
      "/catalog/registry.example/private/g",
      "/catalog/x%2f..%2f<script>",
    ]);
    assert.match(list?.text ?? "", /registry\.example\/private \/ f filters name it; its registry is not read/);
    assert.match(list?.body ?? "", /href="\/catalog\/repository\?name=oci-layout%3A\.\.%2Fx"/);
    assert.match(one?.text ?? "", /What filters had of it .* 7 aaaaaaaaaaaa shop\/ front succeeded/);
    assert.match(one?.text ?? "", /weir pull registry\.example\/private\/f:7/);
    assert.match(odd?.text ?? "", /image: oci-layout:\.\.\/x:1/);
    assert.deepEqual([none?.status, url?.status], [404, 404]);
    assert.deepEqual(new Set(asked), new Set([SHOWN]));
  });

  test("what was not read yet, or cannot be, is said, and the page asks again by itself", async () => {
    const reading = async () => look<never>(undefined, { isReading: true });
    const [list, one] = await read(createFakeCatalog({ summary: reading, images: reading }).catalog, [], ["/catalog", `/catalog/${SHOWN}`]);
    assert.match(list?.text ?? "", /is being read; load the page again/);
    for (const page of [list, one]) assert.match(page?.body ?? "", /<main[^>]* data-behind>/);
    const failing = async () => look<never>(undefined, { problem: "registry.example does not answer" });
    const [away] = await read(createFakeCatalog({ images: failing }).catalog, [], [`/catalog/${SHOWN}`]);
    assert.match(away?.text ?? "", /registry\.example does not answer/);
  });

  test("a digest that was refused says why; one that proxies refused, too", async () => {
    const condition = {
      type: "Validated",
      status: "False",
      reason: "MissingImport",
      message: "env.nothing is no host function",
      lastTransitionTime: "",
    };
    const refused = [user("front", `${SHOWN}:1.2`, { resolved: { digest: DIGEST }, conditions: [condition] })];
    const back = [
      user("front", `${SHOWN}:1.2`, {
        history: [{ ...HISTORY[0], image: `${SHOWN}:1.2`, result: "RolledBack", message: "2 proxies refused it" }],
      }),
    ];
    const [one] = await read(createFakeCatalog().catalog, refused, [`/catalog/${SHOWN}`]);
    const [two] = await read(createFakeCatalog().catalog, back, [`/catalog/${SHOWN}`]);
    assert.match(one?.text ?? "", /refused for shop\/ front MissingImport: env\.nothing/);
    assert.match(two?.text ?? "", /loads for shop\/ front , rolled back 2 proxies refused it/);
  });
});
