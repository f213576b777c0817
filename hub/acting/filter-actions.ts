import { clip, oneLine } from "../../base/text.ts";
import type { Digest } from "../../model/digest.ts";
import { type FilterKey, filterId } from "../../model/filter.ts";
import { ACTIONS, type ActionName, type FilterAction } from "../../model/filter-action.ts";
import type { FilterPlan } from "../../model/plan.ts";
import { fail, failForNow, ok, type Result } from "../../model/result.ts";
import { type HubContext, seeOther } from "../answers.ts";
import type { PageRoute } from "../page-routes.ts";
import { actPage, type Look } from "../pages/act.ts";
import { ACTION_WORDS } from "../pages/buttons.ts";
import { filterKeyIn, filterPath, textIn } from "../read/query.ts";
import { findFilter } from "../views.ts";
import { type ActingInput, act, lookAt } from "./act.ts";
import type { Caller } from "./callers.ts";
import { type ActingDeps, checkOrigin, refuse } from "./deps.ts";
import { undoersOf } from "./undoers.ts";

/** Milliseconds that a page waits for a plan. */
const PLAN_MS = 20_000;
/** Characters of a reason. */
const LONGEST_CAUSE = 500;
/** Actions that change what proxies get. */
const PLANNED: ReadonlySet<ActionName> = new Set(["rollback", "pin", "unpin", "suspend", "unsuspend"]);
/** Those of them that do not say themselves which image it will be: a tag does. */
const FOLLOWING: ReadonlySet<ActionName> = new Set(["unpin", "unsuspend"]);

/** An action on a filter: GET shows what it would do, POST does it. */
export function createFilterActions(deps: ActingDeps): PageRoute {
  return {
    path: "/filters/:namespace/:name/act/:action",
    async get(context) {
      const asked = askedFor(context, new URL(context.req.url).searchParams);
      const caller = await deps.callers.demand(context);
      if (!asked.ok) return refuse(deps, context, asked.error);
      return caller.ok ? show(deps, context, asked.value, caller.value) : refuse(deps, context, caller.error);
    },
    async post(context, form) {
      const from = checkOrigin(context);
      if (!from.ok) return refuse(deps, context, from.error);
      const caller = await deps.callers.demand(context);
      if (!caller.ok) return refuse(deps, context, caller.error);
      if (!form.ok) return refuse(deps, context, form.error);
      const asked = askedFor(context, form.value);
      if (!asked.ok) return refuse(deps, context, asked.error);
      return carryOut(deps, context, asked.value, { caller: caller.value, form: form.value });
    },
  };
}

interface Asked {
  readonly key: FilterKey;
  readonly action: FilterAction;
}

function askedFor({ req }: HubContext, values: URLSearchParams): Result<Asked> {
  const { action, ...named } = req.param() as Readonly<Record<string, string>>;
  const key = filterKeyIn(named);
  if (key === undefined) return fail("NotFound", "no WasmFilter can have that name");
  const known = ACTIONS.find((each) => each === action);
  if (known === undefined) return fail("NotFound", `there is no such action; there are ${ACTIONS.join(", ")}`);
  const full = values.get("full") === "true" ? { full: true } : {};
  return ok({ key, action: { name: known, to: textIn(values, "to"), ...full } });
}

/** `undefined`: Weir does not have it; whether it is there is for the person's rights to say. */
function inputFor({ views, now }: ActingDeps, { key, action }: Asked, { person }: Caller): ActingInput {
  return { person, key, action, status: findFilter(views, key)?.status, now: now() };
}

async function show(deps: ActingDeps, context: HubContext, asked: Asked, caller: Caller, problem?: string) {
  const look = await lookAt(inputFor(deps, asked, caller));
  if (!look.ok) return refuse(deps, context, look.error);
  if (problem !== undefined && !look.value.after.ok) return refuse(deps, context, look.value.after.error);
  const plan = await planOf(deps, context, asked, look.value, caller);
  const undoers = undoersOf(look.value.filter, look.value.decided.patch);
  const expected = digestAhead(asked, plan);
  const main = actPage({ ...asked, person: caller.person.name, look: look.value, plan, expected, undoers, problem });
  const title = `${ACTION_WORDS[asked.action.name]} ${filterId(asked.key)}`;
  return deps.print(context, { title, section: "/filters", main, isStill: true }, problem === undefined ? 200 : 400);
}

/** The person may change it, as the dry run showed, so they may see what follows. */
async function planOf(
  { planner }: ActingDeps,
  { env }: HubContext,
  { action }: Asked,
  { after, decided }: Look,
  { person }: Caller,
): Promise<Result<FilterPlan> | undefined> {
  if (planner === undefined || !PLANNED.has(action.name) || !after.ok || Object.keys(decided.patch).length === 0) return undefined;
  const gone = new AbortController();
  env.outgoing.once("close", () => gone.abort());
  const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(PLAN_MS)]);
  const applicant = { id: person.name, mayApply: async () => ok(undefined) };
  const planned = await planner.plan({ objects: [after.value], applicant, signal });
  if (!planned.ok) return planned;
  const [plan] = planned.value.filters;
  return plan === undefined ? failForNow("Unavailable", "nothing was planned") : ok(plan);
}

/** What its proxies would get by a tag. `undefined`: the action says so itself, or it is not known. */
function digestAhead({ action }: Asked, plan: Result<FilterPlan> | undefined): Digest | undefined {
  return FOLLOWING.has(action.name) && plan?.ok ? plan.value.after?.digest : undefined;
}

/** Fails where a tag leads elsewhere than the page showed (`expected`), or where nobody can say so. */
async function checkAhead(
  deps: ActingDeps,
  context: HubContext,
  asked: Asked,
  { caller, expected }: { readonly caller: Caller; readonly expected: string },
): Promise<Result<void>> {
  if (!FOLLOWING.has(asked.action.name) || expected === "") return ok(undefined);
  const look = await lookAt(inputFor(deps, asked, caller));
  if (!look.ok) return look;
  const plan = await planOf(deps, context, asked, look.value, caller);
  // What refuses the change itself refuses it below.
  if (plan === undefined) return ok(undefined);
  if (!plan.ok) return plan;
  const now = digestAhead(asked, plan);
  if (now === expected) return ok(undefined);
  const leads = now === undefined ? "where it leads is not known now" : `it leads to ${now} now`;
  return fail("Conflict", `this page showed ${clip(oneLine(expected), 80)}, and ${leads}; look at it again`);
}

async function carryOut(
  deps: ActingDeps,
  context: HubContext,
  asked: Asked,
  { caller, form }: { readonly caller: Caller; readonly form: URLSearchParams },
): Promise<Response> {
  const cause = oneLine(form.get("cause") ?? "");
  if (cause === "") return show(deps, context, asked, caller, "say why: the history is read by people who were not there");
  if (cause.length > LONGEST_CAUSE)
    return refuse(deps, context, fail("BadRequest", `the reason has at most ${LONGEST_CAUSE} characters`).error);
  const ahead = await checkAhead(deps, context, asked, { caller, expected: form.get("expected") ?? "" });
  const done = ahead.ok ? await act({ ...inputFor(deps, asked, caller), seen: form.get("seen") ?? "", cause }) : ahead;
  const said = { user: caller.person.name, filter: filterId(asked.key), action: asked.action.name, cause };
  if (!done.ok) {
    deps.log.info("a person could not act", { ...said, error: done.error.message });
    return refuse(deps, context, done.error);
  }
  deps.log.info("a person acted", said);
  return seeOther(`${filterPath(asked.key.namespace, asked.key.name)}?done=${asked.action.name}`);
}
