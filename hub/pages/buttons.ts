import { ROLLOUT_PAUSED } from "../../model/annotations.ts";
import { ACTIONS, type ActionName, decideAction } from "../../model/filter-action.ts";
import type { WasmFilter } from "../../model/gen/wasmfilter.ts";
import { filterPath } from "../read/query.ts";
import { type Html, html } from "./html.ts";

/** The word on an action's button. */
export const ACTION_WORDS: Readonly<Record<ActionName, string>> = {
  rollback: "Roll back",
  pin: "Pin",
  unpin: "Follow the tag again",
  pause: "Pause rollout",
  resume: "Resume rollout",
  promote: "Promote",
  abort: "Abort",
  refresh: "Refresh",
  suspend: "Suspend",
  unsuspend: "Take changes again",
};

/** Whether who looks may change the filter: `because` says why not. */
export type Leave = { readonly may: true } | { readonly may: false; readonly because: string; readonly canSignIn: boolean };

/** What a person may do with a filter, a button each; one that is off says why. */
export function actionBar(filter: WasmFilter, leave: Leave, now: number): Html {
  const { namespace = "", name } = filter.metadata;
  const buttons = actionsFor(filter).map((action) => {
    const decided = decideAction(filter, { name: action }, { now });
    const why = leave.may ? (decided.ok ? undefined : decided.error.message) : leave.because;
    return why === undefined
      ? html`<a class="button" href="${filterPath(namespace, name)}/act/${action}">${ACTION_WORDS[action]}</a>`
      : html`<button type="button" disabled title="${why}">${ACTION_WORDS[action]}</button>`;
  });
  const note = leave.may
    ? ""
    : leave.canSignIn
      ? html`<a href="/me">${leave.because}</a>`
      : html`<span class="mute">${leave.because}</span>`;
  return html`<section class="row acts" aria-label="Actions">${buttons}${note}</section>`;
}

/** What was just done, as the URL of a filter's page says. It is a name of an action or nothing: anybody can write a URL. */
export function doneNote(done: string | null): Html {
  const action = ACTIONS.find((each) => each === done);
  return action === undefined
    ? html``
    : html`<p class="panel ok" role="status">${ACTION_WORDS[action]}: taken. What comes of it is shown here as it happens.</p>`;
}

/** Of actions that undo each other, the one that changes something. */
function actionsFor({ metadata, spec }: WasmFilter): readonly ActionName[] {
  const isPaused = metadata.annotations?.[ROLLOUT_PAUSED] === "true";
  return [
    "rollback",
    spec.digest === undefined ? "pin" : "unpin",
    "promote",
    "abort",
    isPaused ? "resume" : "pause",
    "refresh",
    spec.suspend ? "unsuspend" : "suspend",
  ];
}
