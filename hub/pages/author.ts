import type { Author } from "../../model/revision.ts";
import { type Html, html } from "./html.ts";
import { words } from "./pieces.ts";

/** Who made a revision's spec, and why. */
export function authorWords(author: Author | undefined): Html | "" {
  if (author === undefined) return "";
  const { generation, manager, cause } = author;
  if (manager === undefined && cause === undefined)
    return generation === undefined ? "" : html`<span class="mute">by itself: what the spec names changed</span>`;
  return html`${words(manager ?? "", 60)}${manager === undefined || cause === undefined ? "" : ": "}${cause === undefined ? "" : html`“${words(cause, 200)}”`}`;
}
