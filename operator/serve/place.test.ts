import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChainEntry } from "../../model/delivery.ts";
import type { Revision } from "../../model/revision.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { idle, type RolloutState } from "../rollout/state.ts";
import { EVERYONE } from "../rollout/wave.ts";
import { line } from "../testing/world.ts";
import { placeOf, type ServedFilter } from "./place.ts";

const KEY = { namespace: "shop", name: "f" };
const SLOT = { ...DEFAULT_SETTINGS, slot: "auth", priority: 7 };

interface Row {
  readonly what: string;
  readonly rollout: Partial<RolloutState>;
  /** Numbers of the revisions whose module is at hand. */
  readonly ready?: readonly number[];
  readonly rejects?: number;
  /** The number of the target that it must wait for, as nobody who judges it is heard. */
  readonly defers?: number;
  readonly isHeld?: boolean;
  readonly staged?: boolean;
  /** `-`: nothing. */
  readonly open: string;
  readonly closed: string;
}

const ROWS: readonly Row[] = [
  { what: "no revision yet", rollout: {}, open: "-", closed: "yields" },
  { what: "no revision yet, and a first step that does not take in everyone", rollout: {}, staged: true, open: "-", closed: "-" },
  { what: "what was served before is not read yet", rollout: {}, isHeld: true, open: "hold", closed: "yields" },
  { what: "a first revision, in the wave", rollout: { phase: "Progressing", target: 1, threshold: EVERYONE }, open: "1", closed: "1" },
  { what: "a first revision, outside the wave", rollout: { phase: "Progressing", target: 1 }, open: "-", closed: "-" },
  {
    what: "a first revision that this proxy rejected",
    rollout: { phase: "Progressing", target: 1, threshold: EVERYONE },
    ...{ rejects: 1, open: "-", closed: "replaces" },
  },
  {
    what: "a first revision whose module is lost",
    rollout: { phase: "Progressing", target: 1, threshold: EVERYONE },
    ...{ ready: [], open: "hold", closed: "yields" },
  },
  { what: "a first revision that failed", rollout: { phase: "Rejected", target: 1, threshold: EVERYONE }, open: "-", closed: "replaces" },
  { what: "a first revision that failed before it reached this proxy", rollout: { phase: "Rejected", target: 1 }, open: "-", closed: "-" },
  { what: "in force", rollout: { phase: "Succeeded", target: 1, stable: 1 }, open: "1", closed: "1" },
  {
    what: "in force, and rejected by this proxy",
    rollout: { phase: "Succeeded", target: 1, stable: 1 },
    ...{ rejects: 1, open: "1", closed: "yields" },
  },
  {
    what: "in force, and its module is lost",
    rollout: { phase: "Succeeded", target: 1, stable: 1 },
    ...{ ready: [], open: "hold", closed: "yields" },
  },
  {
    what: "the next one rejected by this proxy",
    rollout: { phase: "Progressing", target: 2, stable: 1, threshold: EVERYONE },
    ...{ rejects: 2, open: "1", closed: "1" },
  },
  {
    what: "the next one is going out, and the one before rejected by this proxy",
    rollout: { phase: "Progressing", target: 2, stable: 1 },
    ...{ rejects: 1, open: "1", closed: "yields" },
  },
  { what: "the next one, outside the wave", rollout: { phase: "Progressing", target: 2, stable: 1 }, open: "1", closed: "1" },
  {
    what: "the next one is going out, and must be waited for",
    rollout: { phase: "Progressing", target: 2, stable: 1, threshold: EVERYONE },
    ...{ defers: 2, open: "1", closed: "1" },
  },
  {
    what: "a first revision that must be waited for",
    rollout: { phase: "Progressing", target: 1, threshold: EVERYONE },
    ...{ defers: 1, open: "-", closed: "replaces" },
  },
  { what: "what succeeded is not waited for", rollout: { phase: "Succeeded", target: 2, stable: 2 }, defers: 2, open: "2", closed: "2" },
  { what: "the next one rolled back", rollout: { phase: "RolledBack", target: 2, stable: 1 }, rejects: 2, open: "1", closed: "1" },
];

function placed({ rollout, ready = [1, 2], rejects, defers, isHeld = false, staged = false }: Row, isClosed: boolean): string {
  const revisions = [1, 2].map((number) => ({ number, hash: `h${number}`, settings: SLOT }) as Revision);
  const entries = ready.map((number) => [number, { filter: KEY, revision: number, settings: SLOT } as ChainEntry] as const);
  const demand = isClosed ? { settings: SLOT, fromTheStart: !staged } : undefined;
  const filter: ServedFilter = {
    ...{ id: "shop/f", key: KEY, revisions: isHeld ? [] : revisions, deliverable: new Map(entries) },
    ...{ rollout: { ...idle, ...rollout }, isHeld, slot: "auth", demand },
  };
  const place = placeOf("shop/web-1", filter, line, {
    withholds: (_proxy, _filter, hash) => hash === `h${rejects}`,
    defers: (_proxy, hash) => hash === `h${defers}`,
    takesChains: () => true,
  });
  if (place === undefined) return "-";
  if ("hold" in place) return [...place.hold].join() === "auth" ? "hold" : "another slot";
  assert.deepEqual([place.settings.slot, place.settings.priority], ["auth", 7]);
  assert.equal(place.mustBeThere === true, isClosed && place.placeholder === undefined);
  return place.placeholder ?? String(place.revision);
}

for (const row of ROWS) {
  test(`${row.what}: open ${row.open}, closed ${row.closed}`, () => {
    assert.deepEqual([placed(row, false), placed(row, true)], [row.open, row.closed]);
  });
}
