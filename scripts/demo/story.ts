import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { shortDigest } from "../../model/digest.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { eventually } from "../../test/support/process.ts";
import { type Answer, get, startTraffic, type Totals, type Traffic } from "../../test/support/traffic.ts";
import type { Narrator } from "./narrator.ts";
import type { Stage } from "./stage.ts";

/** The stream of requests that runs through all of it, and what it has to show in the end. */
const MIN_REQUESTS = 5_000;
const STEP_TIMEOUT_MS = 60_000;

const manifest = (image: string, config = "") => `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: add-header, namespace: shop}
spec:
  image: ${image}
  pullPolicy: Always        # follow the tag
  interval: 1s
  selector: {matchLabels: {app: web}}
${config}`;

const audit = `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: audit, namespace: shop}
spec:
  image: oci-layout:images:audit
  priority: 10              # runs before add-header
  config: {header: x-audit, value: seen}
`;

/** Plays all steps; true when no request failed and none came unfiltered. */
export async function play(stage: Stage, narrator: Narrator): Promise<boolean> {
  const { weir } = stage;
  const teller = createTeller(stage, narrator);
  const as = stage.examples.addHeaderAs;
  for (const [name, path] of [
    ["v1", as.v1],
    ["v2", as.v2],
    ["go", stage.examples.addHeaderGo.v1],
    ["bad", stage.examples.missingImport],
  ] as const) {
    await copyFile(path, join(stage.folder, `${name}.wasm`));
  }

  narrator.step("A steady stream of requests starts; no filter yet");
  const uptime = await uptimeOf(stage);
  teller.start();
  await teller.headerIs("x-weir", undefined);

  narrator.step("Apply a filter: its header appears");
  await weir(["push", "v1.wasm", "oci-layout:images:prod"]);
  const file = await stage.writeManifest("add-header.yaml", manifest("oci-layout:images:prod"));
  await teller.change(() => weir(["apply", "-f", file]), { header: ["x-weir", "v1"] });
  await teller.expectFilteredFromNow();
  const first = (await stage.filter("add-header"))?.status?.digest ?? "";

  narrator.step("Move the tag to another module: the header changes");
  await teller.change(() => weir(["push", "v2.wasm", "oci-layout:images:prod"]), { header: ["x-weir", "v2"] });

  narrator.step("Move the tag to a module that no Envoy can load: nothing changes, the status says why");
  await weir(["push", "bad.wasm", "oci-layout:images:prod", "--force"]);
  const refused = await teller.status("add-header", (filter) => condition(filter, "Validated")?.status === "False");
  narrator.say(`refused: ${condition(refused, "Validated")?.message}`);
  await teller.headerIs("x-weir", "v2");

  narrator.step("Roll back to the first module by its digest: the old header returns");
  await teller.change(() => weir(["rollback", "add-header", "-n", "shop", "--to", first]), { header: ["x-weir", "v1"] });

  narrator.step("Change the configuration: a new revision, the same module");
  const configured = await stage.writeManifest(
    "add-header.yaml",
    manifest("oci-layout:images:prod", `  digest: ${first}\n  config: {value: configured}\n`),
  );
  await teller.change(() => weir(["apply", "-f", configured]), { header: ["x-weir", "configured"] });

  narrator.step("Put a second filter, written in Go, before it in the same slot");
  await weir(["push", "go.wasm", "oci-layout:images:audit"]);
  const second = await stage.writeManifest("audit.yaml", audit);
  await teller.change(() => weir(["apply", "-f", second]), { filter: "audit", header: ["x-audit", "seen"] });

  narrator.step("Take the second filter out again");
  await teller.removal(() => weir(["delete", "audit", "-n", "shop"]), "x-audit");

  narrator.step("What runs where, after all that");
  narrator.say(await weir(["describe", "add-header", "-n", "shop"]));
  return teller.finish(uptime);
}

function condition(filter: WasmFilter | undefined, type: string) {
  return filter?.status?.conditions?.find((entry) => entry.type === type);
}

async function uptimeOf(stage: Stage): Promise<number> {
  const info = JSON.parse(await stage.envoy.get("/server_info")) as { uptime_all_epochs: string };
  return Number.parseFloat(info.uptime_all_epochs);
}

interface Expected {
  readonly filter?: string;
  readonly header: readonly [string, string];
}

/** Watches the proxy from outside during changes and reports what it saw. */
function createTeller(stage: Stage, narrator: Narrator) {
  let traffic: Traffic | undefined;
  let filtered = (_answer: Answer): boolean => true;
  let changes = 0;
  const begun = Date.now();

  async function headerIs(name: string, value: string | undefined): Promise<void> {
    const seen = () => get(stage.port).then(({ status, headers }) => status === 200 && headers[name] === value);
    await eventually(`${name}: ${value ?? "(absent)"}`, seen, STEP_TIMEOUT_MS, 10);
    narrator.say(`requests are answered with ${value === undefined ? `no ${name}` : `${name}: ${value}`}`);
  }

  async function status(name: string, check: (filter: WasmFilter) => boolean): Promise<WasmFilter> {
    changes++;
    return eventually(
      `the status of ${name}`,
      async () => {
        const filter = await stage.filter(name);
        return filter !== undefined && check(filter) ? filter : undefined;
      },
      STEP_TIMEOUT_MS,
    );
  }

  return {
    headerIs,
    status,
    start() {
      traffic = startTraffic({ port: stage.port, clients: 4, pauseMs: 1, filtered: (answer) => filtered(answer) });
    },
    /** Makes a change and waits for its header; tells the digest, who acknowledged it and how long it took. */
    async change(make: () => Promise<unknown>, { filter: name = "add-header", header }: Expected): Promise<void> {
      const before = (await stage.filter(name))?.metadata.generation;
      const start = performance.now();
      await make();
      const commandMs = performance.now() - start;
      await headerIs(...header);
      const ms = performance.now() - start;
      const ready = (filter: WasmFilter) =>
        condition(filter, "Ready")?.status === "True" && (before === undefined || (filter.metadata.generation ?? 0) >= before);
      const { status: now } = await status(name, ready);
      const runs = (await stage.proxies()).filter(({ slots }) =>
        slots.some(({ filters }) =>
          filters.some((entry) => entry.name === name && entry.state === "updated" && entry.digest === now?.digest),
        ),
      );
      const who = runs.map(({ id }) => id).join(", ") || "nobody";
      const module = `module ${shortDigest(now?.wasmDigest)}`;
      narrator.say(`revision ${now?.revision}, ${now?.digest}, ${module}`);
      narrator.say(`acknowledged by ${who}; ${ms.toFixed(0)} ms from the command's start (the command itself: ${commandMs.toFixed(0)} ms)`);
    },
    /** Takes a filter away and waits until its header is gone. */
    async removal(make: () => Promise<unknown>, header: string): Promise<void> {
      changes++;
      await make();
      await headerIs(header, undefined);
    },
    /** From here on an answer without the header counts as unfiltered. */
    async expectFilteredFromNow(): Promise<void> {
      await traffic?.more(20);
      filtered = ({ headers }) => headers["x-weir"] !== undefined;
    },
    async finish(uptimeBefore: number): Promise<boolean> {
      while ((traffic?.totals().sent ?? 0) <= MIN_REQUESTS) await traffic?.more(100);
      const totals = await traffic?.stop();
      if (totals === undefined) return false;
      return account(stage, narrator, { totals, changes, seconds: (Date.now() - begun) / 1000, uptimeBefore });
    },
  };
}

interface Told {
  readonly totals: Totals;
  readonly changes: number;
  /** How long the requests ran. */
  readonly seconds: number;
  /** Envoy's, when they began. */
  readonly uptimeBefore: number;
}

/** The last lines; true when no request failed, none came unfiltered, and Envoy ran all the time. */
async function account(stage: Stage, narrator: Narrator, { totals, changes, seconds, uptimeBefore }: Told): Promise<boolean> {
  const uptime = await uptimeOf(stage);
  const unbroken = uptime + 5 >= uptimeBefore + seconds;
  for (const sample of totals.samples) narrator.say(`odd answer: ${sample}`);
  narrator.step("The account");
  narrator.say(`Envoy is still process ${stage.envoy.pid}, up ${uptime} s ${unbroken ? "without a break" : "AFTER A RESTART"}.`);
  narrator.conclude(`${totals.sent} requests across ${changes} changes: ${totals.failed} failed, ${totals.unfiltered} unfiltered.`);
  return totals.failed === 0 && totals.unfiltered === 0 && unbroken;
}
