import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Model } from "./support/replicas/model.ts";
import { FRESH_MS, ID, line, type ModelProxy, type Replica } from "./support/replicas/parts.ts";

const REPLICAS = 3;
const PROXIES = 6;

const who = fc.nat(REPLICAS - 1);
const proxy = fc.nat(PROXIES - 1);
type OfReplica = "kill" | "start" | "cut api" | "heal api" | "watch" | "land";
type OfLink = "deliver" | "break" | "cut link" | "heal link";

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("live" as const), ms: fc.constantFrom(500, 3_000, 12_000) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("tick" as const), ms: fc.constantFrom(300, 2_000, 6_000, 11_000) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom<OfReplica>("watch", "land"), who }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom<OfReplica>("kill", "start", "cut api", "heal api"), who }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom<OfLink>("deliver", "break", "cut link", "heal link"), who, to: who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom<"isolate" | "rejoin">("isolate", "rejoin"), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("outage" as const, "recovery" as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("push" as const), fault: fc.constantFrom("none", "rejected", "hangs") }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("back" as const), which: fc.nat(9) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("answer" as const), proxy }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("move" as const), proxy, who }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Run {
  readonly model: Model;
  revisions: number;
  checked: number;
  /** How often a refusal was to be heard of by another replica than the one that saw it. */
  together: number;
}

/** At every moment. */
function check(run: Run): void {
  const { model } = run;
  const leading = model.replicas.filter((replica) => model.isLeading(replica));
  assert.ok(leading.length <= 1, `${leading.map(({ id }) => id)} lead at once`);
  for (; run.checked < model.records.length; run.checked++) checkRecord(model, run.checked);
  for (const each of model.proxies) checkProxy(model, each);
}

/** A record goes on from the one before; what failed is never called anything else by the same rollout. */
function checkRecord({ records, bad, hanging }: Model, index: number): void {
  const [before, now] = [records[index - 1]?.rollout, records[index]?.rollout];
  if (before === undefined || now === undefined || before === now) return;
  assert.ok(now.stable !== undefined && !bad.has(now.stable) && !hanging.has(now.stable), `a faulty revision ${now.stable} is stable`);
  const isSame = before.target === now.target && before.startedAt === now.startedAt;
  if (!isSame) return;
  assert.ok(before.phase === "Progressing" || before.phase === now.phase, `rollout ${now.target} was ${before.phase} and is ${now.phase}`);
  assert.ok(
    now.step === before.step || now.step === before.step + 1 || now.phase !== "Progressing",
    `from step ${before.step} to ${now.step}`,
  );
  assert.ok(now.threshold >= before.threshold, "a wave became smaller");
}

/** No proxy is given a revision before some record allowed it; and where nobody who judges it is heard, none that is not proven. */
function checkProxy(model: Model, { key, at, running, sent }: ModelProxy): void {
  const { records } = model;
  if (at === undefined || sent === undefined || sent === running) return;
  assert.ok(at.store.has(sent), `${key} is given revision ${sent}, whose module is not there`);
  const isAlone = !model.isLeading(at) && model.momentOf(at).steady - at.heardLeaderAt > FRESH_MS;
  if (isAlone) assert.equal(sent, at.seen.rollout.stable, `${key} is given revision ${sent} though no leader is heard`);
  const isAllowed = records.some(({ rollout }) => {
    if (rollout.stable === sent) return true;
    return rollout.phase === "Progressing" && rollout.target === sent && line.isIn(rollout, ID, key);
  });
  assert.ok(isAllowed, `${key} is given revision ${sent}, which no record allows`);
}

/** Everything that can arrive arrives, and proxies answer; links that are cut stay so. */
function live({ model }: Run, ms: number, isChecked = () => {}): void {
  for (let passed = 0; passed < ms; passed += 500) {
    model.tick(500);
    for (const replica of model.replicas) {
      for (let i = 0; i < 6; i++) model.land(replica);
      model.watch(replica);
    }
    for (const link of model.links.values()) while (link.queue.length > 0) model.deliver(link);
    for (const each of model.proxies) model.answer(each);
    isChecked();
  }
}

function onReplica({ model }: Run, kind: OfReplica, replica: Replica): void {
  if (kind === "kill") model.kill(replica);
  else if (kind === "start") model.start(replica);
  else if (kind === "watch") model.watch(replica);
  else if (kind === "land") model.land(replica);
  else replica.reachesApi = kind === "heal api";
}

function onLink({ model }: Run, kind: OfLink, from: number, to: number): void {
  const link = model.links.get(`r${from} r${to}`);
  if (link === undefined) return;
  if (kind === "deliver") model.deliver(link);
  else if (kind === "break") model.breakLink(link);
  else link.isCut = kind === "cut link";
}

/** No peer reaches the replica, or all do again. */
function isolate({ model }: Run, replica: Replica, isCut: boolean): void {
  for (const [name, link] of model.links) if (name.split(" ").includes(replica.id)) link.isCut = isCut;
}

function perform(run: Run, action: Step): void {
  const { model } = run;
  const replica = "who" in action ? model.replicas[action.who] : undefined;
  const each = "proxy" in action ? model.proxies[action.proxy] : undefined;
  if (action.kind === "live") live(run, action.ms, () => check(run));
  else if (action.kind === "tick") model.tick(action.ms);
  else if (action.kind === "outage" || action.kind === "recovery") model.isDown = action.kind === "outage";
  else if (action.kind === "push") {
    run.revisions = Math.min(40, run.revisions + 1);
    if (action.fault === "rejected") model.bad.add(run.revisions);
    if (action.fault === "hangs") model.hanging.add(run.revisions);
    model.want(run.revisions);
  } else if (action.kind === "back") model.want(1 + (action.which % run.revisions));
  else if (action.kind === "answer" && each !== undefined) model.answer(each);
  else if (action.kind === "move" && each !== undefined && replica !== undefined) model.connect(each, replica);
  else if ("to" in action) onLink(run, action.kind, action.who, action.to);
  else if (action.kind === "isolate" || action.kind === "rejoin") isolate(run, replica as Replica, action.kind === "isolate");
  else if (replica !== undefined) onReplica(run, action.kind as OfReplica, replica);
  check(run);
}

function begin(rates: readonly number[]): Run {
  const model = new Model(rates, PROXIES);
  const run: Run = { model, revisions: 1, checked: 0, together: 0 };
  for (const [index, each] of model.proxies.entries()) model.connect(each, model.replicas[index % REPLICAS] as Replica);
  live(run, 30_000);
  return run;
}

function home(model: Model): void {
  const alive = model.replicas.filter(({ isAlive }) => isAlive);
  for (const [index, each] of model.proxies.entries())
    if (each.at === undefined) model.connect(each, alive[index % alive.length] as Replica);
}

/** Once nothing happens any more there is one leader, and every proxy runs what the record says. */
function end(run: Run): void {
  const { model } = run;
  model.isDown = false;
  for (const replica of model.replicas) {
    model.start(replica);
    replica.reachesApi = true;
  }
  for (const link of model.links.values()) link.isCut = false;
  home(model);
  live(run, 180_000, () => check(run));
  assert.equal(model.replicas.filter((replica) => model.isLeading(replica)).length, 1);
  const { rollout, wanted } = model.stored;
  assert.equal(
    rollout.phase,
    model.bad.has(wanted) || model.hanging.has(wanted) ? "RolledBack" : "Succeeded",
    `revision ${wanted} ended ${rollout.phase}`,
  );
  for (const each of model.proxies) assert.equal(each.running, rollout.stable, `${each.key} does not run what is stable`);
}

/** A replica that starts with an empty store while the registry is gone has what is recorded from its peers. */
function endWithoutRegistry({ model }: Run): void {
  model.isRegistryAway = true;
  const [replica, other] = model.replicas;
  if (replica === undefined || other === undefined) return;
  model.kill(replica);
  model.start(replica);
  assert.equal(replica.store.size, 0);
  for (const each of model.proxies) model.connect(each, replica);
  for (let turn = 0; turn < 3; turn++) {
    model.tick(200);
    for (const link of model.links.values()) while (link.queue.length > 0) model.deliver(link);
  }
  assert.ok(replica.store.has(model.stored.rollout.stable ?? 0), "a peer has the module that is stable, and the replica has not");
  model.isRegistryAway = false;
  for (const [index, each] of model.proxies.entries()) model.connect(each, model.replicas[index % REPLICAS] as Replica);
}

/** With the API server gone and its leader killed, one refusal is enough: whoever hears of it offers the revision to nobody any more. */
function endWithFault(run: Run): void {
  const { model } = run;
  run.revisions = Math.min(40, run.revisions + 1);
  (run.revisions % 2 === 0 ? model.bad : model.hanging).add(run.revisions);
  model.want(run.revisions);
  const isOffered = () => model.proxies.some(({ sent }) => sent === run.revisions);
  for (let turn = 0; turn < 200 && !isOffered(); turn++) {
    model.tick(200);
    for (const replica of model.replicas) {
      for (let i = 0; i < 6; i++) model.land(replica);
      model.watch(replica);
    }
    for (const link of model.links.values()) while (link.queue.length > 0) model.deliver(link);
  }
  assert.ok(isOffered(), "the faulty revision never went out");
  model.isDown = true;
  for (const replica of model.replicas) if (model.isLeading(replica)) model.kill(replica);
  home(model);
  model.tick(200);
  const first = model.proxies.find(({ sent }) => sent === run.revisions);
  if (first === undefined) return;
  run.together += model.proxies.some(({ sent, at }) => sent === run.revisions && at !== first.at) ? 1 : 0;
  const [from, other] = [first.at, model.replicas.find((replica) => replica.isAlive && replica !== first.at)];
  model.answer(first);
  for (const link of model.links.values()) while (link.queue.length > 0) model.deliver(link);
  // It is somebody else's now, who did not see what it rejected.
  if (other !== undefined) model.connect(first, other);
  assert.ok(from?.isAlive);
  assert.ok(!isOffered(), "a revision that was refused is still offered");
  for (let turn = 0; turn < 20; turn++) {
    live(run, 2_000);
    assert.ok(!isOffered(), "a revision that was refused is offered again");
  }
}

test("whatever is lost, late or killed: one leads, nobody is early, what is faulty comes back, and all converge", () => {
  const rates = fc.tuple(fc.constantFrom(0.85, 1), fc.constant(1), fc.constantFrom(1, 1.2));
  let together = 0;
  fc.assert(
    fc.property(rates, fc.array(step, { minLength: 5, maxLength: 50, size: "max" }), (clocks, steps) => {
      const run = begin(clocks);
      for (const action of steps) perform(run, action);
      end(run);
      endWithoutRegistry(run);
      end(run);
      endWithFault(run);
      end(run);
      together += run.together;
    }),
    { endOnFailure: true, numRuns: Number(process.env.WEIR_PROPERTY_RUNS ?? 60) },
  );
  assert.ok(together > 0, "no refusal ever had to be told to a peer");
});
