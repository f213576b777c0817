import { ok, type Result } from "../../../model/result.ts";
import { configText } from "../../project/project.ts";
import { openYaml, readYaml } from "../../yaml/open.ts";
import type { Place } from "../../yaml/place.ts";
import type { Case, CaseFile, Setup } from "../case.ts";
import { DEFAULTS } from "../request.ts";
import { readCallouts } from "./callout.ts";
import { readStart } from "./expect.ts";
import { Reading } from "./reading.ts";
import { EXCHANGE_KEYS, readExchange, readStep } from "./step.ts";

const SETUP_KEYS = ["config", "rootId", "env", "allowOnHeadersStopIteration", "clock", "patience", "callouts"] as const;
const CASE_KEYS = [...SETUP_KEYS, "name", "exchanges", ...EXCHANGE_KEYS] as const;

/** What cases are set up with where they do not say. */
export type SetupDefaults = Pick<Setup, "config" | "rootId">;

/** Reads a `*.weir.yaml` of at most 1 MiB. What is wrong is told with its line, and an unknown key with the nearest one. `name` is what messages call the file. */
export async function readCases(path: string, name: string, defaults: SetupDefaults): Promise<Result<CaseFile>> {
  const file = await readYaml(path, name);
  return file.ok ? casesIn(file.value, name, defaults) : file;
}

/** The same of a text. */
export function parseCases(text: string, name: string, defaults: SetupDefaults = { config: "", rootId: "" }): Result<CaseFile> {
  const file = openYaml(text, name);
  return file.ok ? casesIn(file.value, name, defaults) : file;
}

function casesIn(file: Place, name: string, defaults: SetupDefaults): Result<CaseFile> {
  const reading = new Reading();
  if (!file.isMap) return file.wrong("holds no cases; write cases: and a list");
  reading.map(file, [...SETUP_KEYS, "cases"]);
  const setup = readSetup(reading, file, {
    ...defaults,
    env: [],
    allowOnHeadersStopIteration: false,
    clock: undefined,
    patience: DEFAULTS.patience,
  });
  const callouts = readCallouts(reading, file.get("callouts"));
  const items = reading.list(file.get("cases"));
  if (items.length === 0) reading.wrong(file.at("cases"), "holds no cases; write cases: and a list");
  const cases = items.map((item) => readCase(reading, item, name, setup, callouts));
  const names = new Set<string>();
  for (const [index, { name: title }] of cases.entries()) {
    const item = items[index];
    if (names.has(title) && item !== undefined) reading.wrong(item.at("name"), "is the name of a case above; each has its own");
    names.add(title);
  }
  return reading.failure === undefined ? ok({ path: name, cases }) : { ok: false, error: reading.failure };
}

function readSetup(reading: Reading, place: Place, defaults: Setup): Setup {
  const [config, rootId, env, clock] = ["config", "rootId", "env", "clock"].map((key) => place.get(key));
  const stop = place.get("allowOnHeadersStopIteration");
  return {
    config: config === undefined ? defaults.config : configText(config.value),
    rootId: reading.optionalText(rootId) ?? defaults.rootId,
    env: env === undefined ? defaults.env : readEnv(reading, env),
    allowOnHeadersStopIteration: stop === undefined ? defaults.allowOnHeadersStopIteration : reading.flag(stop),
    clock: clock === undefined ? defaults.clock : readTime(reading, clock),
    patience: reading.duration(place.get("patience"), defaults.patience),
  };
}

/** A map of names and values. */
function readEnv(reading: Reading, place: Place): Setup["env"] {
  if (!place.isMap) reading.wrong(place, "must be a map of names and values");
  return place.entries().map(({ key, place: value }) => ({ name: key, value: reading.text(value) }));
}

/** https://www.rfc-editor.org/rfc/rfc3339 */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)$/;

function readTime(reading: Reading, place: Place): number {
  const { value } = place;
  const time = typeof value === "string" && TIME.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time)) reading.wrong(place, "must be a time such as 2026-01-31T12:00:00Z");
  return Number.isNaN(time) ? 0 : time;
}

function readCase(reading: Reading, place: Place, file: string, defaults: Setup, shared: Case["callouts"]): Case {
  reading.map(place, CASE_KEYS);
  const title = place.get("name");
  if (title === undefined) reading.wrong(place, "has no name; write what the filter should do");
  const exchanges = place.get("exchanges");
  const single = EXCHANGE_KEYS.map((key) => place.get(key)).find((each) => each !== undefined);
  if (exchanges !== undefined && single !== undefined) reading.wrong(single, "stands beside exchanges; move it into one of them");
  const steps = reading.list(exchanges).map((step) => readStep(reading, step));
  const start = readStart(reading, place.get("expect"));
  const request = place.get("request") ?? place.get("upstream");
  if (start !== undefined && request !== undefined) reading.wrong(request, "stands beside expect.start, which is about the start alone");
  if (exchanges === undefined && start === undefined) steps.push(readExchange(reading, place));
  return {
    name: title === undefined ? "" : reading.text(title),
    file,
    line: place.line,
    setup: readSetup(reading, place, defaults),
    callouts: [...readCallouts(reading, place.get("callouts")), ...shared],
    start,
    steps,
  };
}
