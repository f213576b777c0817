import { shortDigest } from "../../../model/digest.ts";
import type { WasmFilter } from "../../../model/gen/wasmfilter.ts";
import type { Load, Totals } from "../../../test/support/kubernetes/load.ts";
import { appDeployment, appService } from "../../../test/support/kubernetes/pods.ts";
import { CHART, untilFilter } from "../../../test/support/kubernetes/weir.ts";
import { eventually } from "../../../test/support/process.ts";
import { condition } from "../../../test/support/weir.ts";
import type { Narrator } from "../narrator.ts";
import { RELEASE, type Stage } from "./stage.ts";

const REPLICAS = 3;
/** What the account needs to be worth something. */
const MIN_REQUESTS = 1_000;
const WAIT = ["--wait", "--timeout", "120s"];

/** Plays all steps. Throws when one does not come to what it says. Gives what the requests showed, from the first filter to the end. */
export async function play(stage: Stage, narrator: Narrator): Promise<Totals> {
  const told = { ...stage, ...createTeller(stage, narrator) };
  await install(told);
  const load = await visit(told);
  const first = await firstFilter(told);
  const before = await load.totals();
  await changeDigest(told, first);
  await upgrade(told);
  await uninstall(told, load);
  while ((await load.since(before)).requests < MIN_REQUESTS) await load.more(100);
  return load.since(before);
}

type Told = Stage & ReturnType<typeof createTeller>;

function createTeller(stage: Stage, { step, say, command }: Narrator) {
  return {
    say,
    /** Tells a step, acts it, and tells how long that took. */
    async step<T>(title: string, act: () => Promise<T>): Promise<T> {
      step(title);
      const start = performance.now();
      const done = await act();
      say(`(${((performance.now() - start) / 1000).toFixed(1)} s)`);
      return done;
    },
    /** Waits until every replica answers with this header. */
    async headerIs(value: string): Promise<void> {
      await eventually(`x-weir: ${value} from all`, async () => (await headers(stage)).every((header) => header === value), 90_000, 200);
      say(`all ${REPLICAS} replicas answer with x-weir: ${value}`);
    },
    async curl(): Promise<void> {
      command("curl -i http://web.shop/    # in the pod of the other namespace");
      say((await ask(stage, "http://web.shop/")).split("\n\n")[0] ?? "");
    },
  };
}

async function install({ step, helm, kubectl, apply, values, say }: Told): Promise<void> {
  await step("Install Weir with one command", () => helm(["install", ...RELEASE, CHART, "--create-namespace", ...values, ...WAIT]));
  await step("Label a namespace, and start an app of three replicas in it: each gets Envoy beside it", async () => {
    await kubectl(["create", "namespace", "shop"]);
    await kubectl(["label", "namespace", "shop", "weir.dev/inject=true"]);
    await apply("web.yaml", JSON.stringify(list(appDeployment("web", "shop", REPLICAS), appService("web", "shop"))));
    await kubectl(["rollout", "status", "-n", "shop", "deployment/web", "--timeout=120s"]);
    say(await kubectl(["get", "pods", "-n", "shop"]));
  });
}

function visit({ step, startVisitor }: Told): Promise<Load> {
  return step("Requests without a break begin, from a pod of another namespace, by the name of the Service", startVisitor);
}

/** Gives the digest of the filter's image. */
async function firstFilter(told: Told): Promise<string> {
  const { step, weir, apply, registry, headerIs, curl } = told;
  return step("Apply a filter: its header appears", async () => {
    await weir(["push", "v1.wasm", `${registry.registry.host}/filters/add-header:1`]);
    await apply("add-header.yaml", manifest(`${registry.host}/filters/add-header:1`));
    await headerIs("v1");
    const { status } = await untilReady(told, "the first filter");
    await curl();
    return status?.digest ?? "";
  });
}

async function changeDigest(told: Told, first: string): Promise<void> {
  const { step, weir, registry, headerIs, say } = told;
  await step("Release another digest: the header changes", async () => {
    await weir(["push", "v2.wasm", `${registry.registry.host}/filters/add-header:2`]);
    await patch(told, { image: `${registry.host}/filters/add-header:2` });
    await headerIs("v2");
    const { status } = await untilReady(told, "the second digest", (filter) => filter.status?.digest !== first);
    say(`revision ${status?.revision}, ${shortDigest(status?.digest)}`);
  });
  await step("Roll back by digest: the first header returns", async () => {
    await weir(["rollback", "add-header", "-n", "shop", "--to", first]);
    await headerIs("v1");
    await untilReady(told, "the first digest", (filter) => filter.status?.digest === first);
  });
}

async function upgrade(told: Told): Promise<void> {
  const { step, helm, kubectl, values, headerIs } = told;
  await step("Upgrade Weir: proxies keep what they run, and the new pod goes on", async () => {
    await helm(["upgrade", ...RELEASE, CHART, ...values, "--set", "log.level=debug", ...WAIT]);
    await patch(told, { digest: null });
    await headerIs("v2");
  });
  await step("Start the app's pods again, one after the other", async () => {
    await kubectl(["rollout", "restart", "-n", "shop", "deployment/web"]);
    await kubectl(["rollout", "status", "-n", "shop", "deployment/web", "--timeout=180s"]);
    await headerIs("v2");
  });
}

async function uninstall({ step, helm, headerIs }: Told, load: Load): Promise<void> {
  await step("Uninstall Weir: proxies go on with what they have", async () => {
    await helm(["uninstall", ...RELEASE, ...WAIT]);
    await load.more(500);
    await headerIs("v2");
  });
}

const patch = ({ kubectl }: Told, spec: object): Promise<string> =>
  kubectl(["patch", "wasmfilter", "add-header", "-n", "shop", "--type=merge", "-p", JSON.stringify({ spec })]);

const list = (...items: readonly object[]): object => ({ apiVersion: "v1", kind: "List", items });

const manifest = (image: string) => `apiVersion: weir.dev/v1alpha1
kind: WasmFilter
metadata: {name: add-header, namespace: shop}
spec:
  image: ${image}
  selector: {matchLabels: {app: web}}
`;

function untilReady({ cluster }: Stage, what: string, check: (filter: WasmFilter) => boolean = () => true): Promise<WasmFilter> {
  const ready = ({ metadata, status }: WasmFilter) =>
    status?.observedGeneration === metadata.generation && status?.proxies?.matched === REPLICAS && status.proxies.updated === REPLICAS;
  return untilFilter(
    cluster,
    ["shop", "add-header"],
    what,
    (filter) => ready(filter) && condition(filter, "Ready").startsWith("True") && check(filter),
  );
}

/** The answer that the visitor gets. */
const ask = ({ cluster }: Stage, url: string): Promise<string> =>
  cluster.exec(["visitor", "-n", "visitors", "-c", "open"], ["/app", "get", url]);

/** The header from every replica, each asked at its own address. */
async function headers(stage: Stage): Promise<(string | undefined)[]> {
  const { items } = await stage.cluster.get<{ items: Pod[] }>(["pods", "-n", "shop", "-l", "app=web"]);
  const pods = items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const answers = await Promise.all(pods.map(({ status }) => ask(stage, `http://${status.podIP}:8080/`)));
  return answers.map((answer) => /^x-weir: (.*)$/im.exec(answer)?.[1]?.trim());
}

interface Pod {
  readonly metadata: { readonly deletionTimestamp?: string };
  readonly status: { readonly podIP: string };
}
