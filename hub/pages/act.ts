import { count } from "../../base/text.ts";
import { type Digest, shortDigest } from "../../model/digest.ts";
import type { FilterKey } from "../../model/filter.ts";
import type { ActionName, DecidedAction, FilterAction } from "../../model/filter-action.ts";
import { mergePatch, patchedFields } from "../../model/filter-patch.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { historyOf } from "../../model/history.ts";
import type { FilterPlan } from "../../model/plan.ts";
import type { Result } from "../../model/result.ts";
import { filterPath } from "../read/query.ts";
import { ACTION_WORDS } from "./buttons.ts";
import { type Html, html } from "./html.ts";
import { filterLink, mark, progressWords, table, tablePanel, waveWords, words } from "./pieces.ts";

/** A filter that somebody is about to change, and what would come of it. */
export interface Look {
  readonly filter: WasmFilter;
  readonly decided: DecidedAction;
  /** Tells what the person saw from what is there later. */
  readonly stamp: string;
  /** What the store says to the change without making it: the object as it would be. Without a change: the object. */
  readonly after: Result<WasmFilter>;
}

/** What applies a filter from somewhere else, and may undo what a person changes here. */
export interface Undoer {
  /** `Argo CD application shop-filters`. */
  readonly who: string;
  /** What of the change it owns, as `managedFields` say: it sets that again when it applies next. */
  readonly owns: readonly string[];
}

export interface ActPageInput {
  readonly key: FilterKey;
  readonly action: FilterAction;
  /** Who is signed in. */
  readonly person: string;
  readonly look: Look;
  /** What would follow, where the spec changes. Absent: it does not, or there was nothing to plan. */
  readonly plan: Result<FilterPlan> | undefined;
  /** The image that proxies get, where the action does not name it: it is done only while that is so. */
  readonly expected: Digest | undefined;
  readonly undoers: readonly Undoer[];
  /** What was wrong with the form that was sent, if one was. */
  readonly problem?: string | undefined;
}

/** Before somebody acts: what will change, whom it reaches, what speaks against it, and why they do it. */
export function actPage(input: ActPageInput): Html {
  const { key, action, look, plan, person } = input;
  const { namespace, name } = key;
  const isRefused = !look.after.ok || (plan?.ok === true && plan.value.refusal !== undefined && !plan.value.refusal.retryable);
  return html`<p class="crumb"><a href="/filters">Filters</a> / ${filterLink(namespace, name)}</p>
<h1>${ACTION_WORDS[action.name]}: ${namespace}/${name}?</h1>
${input.problem === undefined ? "" : html`<p class="panel bad" role="alert">${input.problem}</p>`}
<p>${name} will be ${words(look.decided.said, 400)}</p>
${action.name === "rollback" ? targets(key, look.filter, action) : ""}
<h2>What changes</h2>
${changes(look)}
${plan?.ok ? consequences(plan.value) : steering(look.filter, action.name)}
<h2>Checks</h2>
${checks(input)}
${form(input, isRefused)}
<p class="mute">As <b>${person}</b>. The same on a command line: <code>${commandOf(key, action)}</code></p>
<details><summary>The same as a patch for Git</summary><pre>${JSON.stringify(mergePatch(look.decided.patch), null, 2)}</pre></details>`;
}

function targets({ namespace, name }: FilterKey, { spec, status }: WasmFilter, { to }: FilterAction): Html {
  const items = historyOf(status);
  if (items.length < 2) return html``;
  const options = items.map(({ revision, digest, result }) => {
    const isChosen = String(revision) === to;
    const now = digest === spec.digest ? ", pinned now" : "";
    return html`<option value="${revision}"${isChosen ? html` selected` : ""}>${revision} (${shortDigest(digest)}, ${result}${now})</option>`;
  });
  const last = to === undefined ? html`<option value="" selected>the last one that succeeded</option>` : "";
  return html`<form class="row" action="${filterPath(namespace, name)}/act/rollback"><label>To revision <select name="to">${last}${options}</select></label><button type="submit">Show</button></form>`;
}

/** The fields that are set, before and after. */
function changes({ filter, decided }: Look): Html {
  const rows = patchedFields(decided.patch).map(({ path, value }) => {
    const before = path.reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], filter);
    return html`<tr><th scope="row"><code>${path.join(".")}</code></th><td class="wide"><del>${words(before === undefined ? "not set" : String(before), 400)}</del></td><td class="wide"><ins>${words(value === null ? "not set" : String(value), 400)}</ins></td></tr>
`;
  });
  return rows.length === 0 ? html`<p class="panel">Nothing: it is so already.</p>` : tablePanel(["Field", "Now", "Then"], rows);
}

function consequences({ revision, before, after, rollout }: FilterPlan): Html {
  const rows = revision.map(
    ({ field, before: old, after: made }) =>
      html`<tr><th scope="row">${field}</th><td class="wide"><del>${words(old ?? "not shown", 400)}</del></td><td class="wide"><ins>${words(made ?? "not shown", 400)}</ins></td></tr>
`,
  );
  const heads = ["What proxies get", `Revision ${before?.number ?? "–"}`, `Revision ${after?.number ?? "–"}`];
  return html`${rows.length === 0 ? "" : tablePanel(heads, rows)}
<h2>Whom it reaches</h2>
${reach(rollout)}`;
}

function reach(rollout: FilterPlan["rollout"]): Html {
  if (rollout === undefined) return html`<p class="panel">No proxy that is connected now.</p>`;
  const { matched, waves, back, waitsFor } = rollout;
  const rows = waves.map(
    ({ step, percent, proxies, first, pause, holdMs }) =>
      html`<tr><th scope="row">${step}</th><td>${percent}%</td><td class="wide">${count(proxies, "proxy")} <span class="mute">${words(first.map(({ id }) => id).join(", "), 200)}</span></td><td>${pause ? "waits to be promoted" : holdMs > 0 ? `holds ${holdMs / 1_000} s` : ""}</td></tr>
`,
  );
  const [only] = waves;
  const atOnce = waves.length === 1 && only?.percent === 100;
  return html`<div class="panel">${waves.length === 0 ? html`<p>Nothing goes out${waitsFor === undefined ? ": proxies have it already" : `: ${waitsFor}`}.</p>` : html`<p><b>${count(matched, "proxy")}</b> ${atOnce ? html`<b>at once</b>` : `in ${waves.length} waves`}</p>${table(["Wave", "Up to", "Reaches", "Then"], rows, true)}`}
${back === undefined ? "" : html`<p>At once, ${count(back.proxies, "proxy")} ${back.revision === undefined ? "lose it" : `go back to revision ${back.revision}`}.</p>`}</div>`;
}

/** Of an action that does not change the spec: where the rollout is that it steers. */
function steering({ status }: WasmFilter, name: ActionName): Html {
  if (name === "refresh" || status?.rollout === undefined || status.proxies === undefined) return html``;
  return html`<h2>Whom it reaches</h2>
<p class="panel">Revision ${status.revision ?? "?"} is ${waveWords(status.rollout)}: ${progressWords(status.proxies)}.</p>`;
}

function checks({ look, plan, undoers, key, person }: ActPageInput): Html {
  const lines: Html[] = look.after.ok
    ? [check("ok", html`${person} may change it; a dry run was taken`)]
    : [check("failed", html`a dry run was refused: <code>${words(look.after.error.message, 1_000)}</code>`)];
  if (plan?.ok === false) lines.push(check("busy", html`no plan: ${words(plan.error.message, 400)}`));
  if (plan?.ok) {
    const { refusal, audited = [], proof } = plan.value;
    if (refusal !== undefined) lines.push(check("failed", html`${refusal.condition}: ${words(refusal.message, 600)}`));
    else if (proof !== undefined)
      lines.push(
        check(
          "ok",
          html`policies of ${key.namespace} hold; the module was proved${proof.result === "kept" ? " before and is kept" : " now"}`,
        ),
      );
    for (const violation of audited) lines.push(check("busy", html`a policy that is only audited: ${words(violation, 400)}`));
  }
  for (const note of look.decided.notes) lines.push(check("busy", html`${words(note, 600)}`));
  for (const { who, owns } of undoers)
    lines.push(
      owns.length > 0
        ? check("busy", html`${who} sets <code>${owns.join(", ")}</code>: it wins at the next sync`)
        : check("busy", html`applied by ${who}: where its source sets what changes here, that wins at the next sync`),
    );
  return html`<ul class="panel checks">${lines}</ul>`;
}

function check(state: "ok" | "busy" | "failed", text: Html): Html {
  const word = { ok: "holds", busy: "mind", failed: "refused" }[state];
  return html`<li>${mark(state, word)} <span>${text}</span></li>
`;
}

function form({ key, action, look, expected }: ActPageInput, isRefused: boolean): Html {
  const path = filterPath(key.namespace, key.name);
  const isNothing = Object.keys(look.decided.patch).length === 0;
  const off = isRefused || isNothing;
  const submit = off
    ? html`<button type="submit" class="solid" disabled title="${isNothing ? "nothing would change" : "the checks say why not"}">${ACTION_WORDS[action.name]}</button>`
    : html`<button type="submit" class="solid">${ACTION_WORDS[action.name]}</button>`;
  const to = action.to === undefined ? "" : html`<input type="hidden" name="to" value="${action.to}">`;
  const ahead = expected === undefined ? "" : html`<input type="hidden" name="expected" value="${expected}">`;
  const full = action.full ? html`<input type="hidden" name="full" value="true">` : "";
  return html`<form class="panel act" method="post" action="${path}/act/${action.name}"><input type="hidden" name="seen" value="${look.stamp}">${ahead}${to}${full}
<p><label for="cause">Why <span class="mute">(goes to the annotation <code>weir.dev/change-cause</code>)</span></label><input id="cause" name="cause" required maxlength="500" autocomplete="off"></p>
<p class="row end"><a class="button" href="${path}" data-cancel>Cancel</a>${submit}</p></form>`;
}

/** What does the same on a command line. */
function commandOf({ namespace, name }: FilterKey, { name: action, to, full }: FilterAction): string {
  const of = `${name} -n ${namespace}`;
  const merge = (spec: object) => `kubectl patch wf ${of} --type merge -p '${JSON.stringify({ spec })}'`;
  switch (action) {
    case "rollback":
      return `weir rollback ${of}${to === undefined ? "" : ` --to ${to}`}`;
    case "unpin":
      return `weir rollback ${of} --unpin`;
    case "pin":
      return `weir rollback ${of} --to ${to ?? "DIGEST"}`;
    case "refresh":
      return `weir refresh ${of}`;
    case "suspend":
      return merge({ suspend: true });
    case "unsuspend":
      return merge({ suspend: null });
    default:
      return `weir rollout ${action} ${of}${full ? " --full" : ""}`;
  }
}
