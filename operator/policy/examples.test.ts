import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { Policy } from "../../model/policy.ts";
import { parsePolicy } from "../parse/policy.ts";
import { readManifest } from "../source/folder/manifest.ts";
import { createPolicyBook } from "./book.ts";
import { subject } from "./judge.cases.ts";
import { judge } from "./judge.ts";
import { createPermits } from "./permits.ts";
import type { Subject } from "./subject.ts";

const FOLDER = new URL("../../deploy/policies/", import.meta.url);
const OURS = { kind: "image", repository: "registry.example/filters/add-header" } as const;
const THEIRS = { kind: "image", repository: "registry.other/add-header", isPinned: true } as const;

/** The policies that are ready to use, by file. */
function examples(): ReadonlyMap<string, readonly object[]> {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".yaml"));
  return new Map(
    files.map((name) => {
      const manifest = readManifest(readFileSync(new URL(name, FOLDER), "utf8"), "yaml");
      assert.ok(manifest.ok && manifest.value.problems.length + manifest.value.foreign.length === 0, name);
      return [name, manifest.value.objects.map(({ fields }) => fields)];
    }),
  );
}

function policies(file: string): readonly Policy[] {
  return (examples().get(file) ?? []).map((raw) => {
    const parsed = parsePolicy(raw);
    assert.ok(parsed.ok, parsed.ok ? "" : `${file}: ${parsed.error.message}`);
    return parsed.value;
  });
}

/** A file, a filter and the rules that it breaks. */
const JUDGED: readonly (readonly [file: string, subject: Subject, breaks: readonly string[]])[] = [
  ["our-registry.yaml", subject({ source: { ...OURS, isPinned: true } }), []],
  ["our-registry.yaml", subject({ source: { ...OURS, isPinned: false } }), ["digests-in-production images"]],
  ["our-registry.yaml", subject({ source: THEIRS }), ["our-registry images", "digests-in-production images"]],
  ["our-registry.yaml", subject({ source: { kind: "url" } }), ["our-registry urls", "digests-in-production urls"]],
  ["signed.yaml", subject({ source: THEIRS }), ["signed images"]],
  ["no-callouts.yaml", subject({ proved: { imports: ["proxy_log", "proxy_get_property"], loadMs: 1 } }), []],
  ["no-callouts.yaml", subject({ proved: { imports: ["proxy_http_call"], loadMs: 1 } }), ["no-callouts capabilities.deny"]],
  ["limits.yaml", subject({ place: 8, size: 4 * 2 ** 20, proved: { imports: [], loadMs: 2_000 } }), []],
  [
    "limits.yaml",
    subject({ place: 9, size: 4 * 2 ** 20 + 1, proved: { imports: [], loadMs: 2_001 } }),
    ["limits maxFiltersPerSlot", "limits maxModuleSize", "limits maxLoad"],
  ],
  ["fail-closed.yaml", subject({}, { failurePolicy: "Closed", slot: "auth" }), []],
  ["fail-closed.yaml", subject({}, { failurePolicy: "Open", slot: "edge" }), ["fail-closed slots", "fail-closed failurePolicies"]],
  ["audit.yaml", subject({ source: THEIRS }), ["registry-audit images"]],
];

test("each policy that is ready to use says what its file says, and every file is judged", () => {
  for (const [file, filter, breaks] of JUDGED)
    assert.deepEqual(
      judge(policies(file), filter).map(({ policy, rule }) => `${policy} ${rule}`),
      breaks,
      file,
    );
  assert.deepEqual([...new Set(JUDGED.map(([file]) => file))].sort(), [...examples().keys()].sort());
});

test("the one about signatures demands its key of images that match", () => {
  const objects = new Map([["signed", examples().get("signed.yaml")?.[0] ?? {}]]);
  const book = createPolicyBook(() => ({ objects, labels: () => ({}) }));
  const permits = createPermits({ book, registry: { repositoryOf: (image) => image }, claims: () => [] });
  const filterOf = (image: string) =>
    ({ key: { namespace: "shop", name: "f" }, source: { kind: "image", image } }) as Parameters<typeof permits.demandsOf>[0];
  const [demand, ...others] = permits.demandsOf(filterOf(OURS.repository));
  assert.deepEqual(others, []);
  assert.deepEqual([demand?.policy, demand?.place], ["signed", "images[0].verify[0]"]);
  assert.deepEqual(permits.demandsOf(filterOf("registry.other/f")), []);
});
