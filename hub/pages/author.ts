import { type Author, isByItself } from "../../model/revision.ts";
import { type Html, html } from "./html.ts";
import { words } from "./pieces.ts";

/** Who made a revision's spec, and why. */
export function authorWords(author: Author | undefined): Html | "" {
  if (author === undefined) return "";
  if (isByItself(author)) return html`<span class="mute">by itself: what the spec names changed</span>`;
  const { manager, cause } = author;
  return html`${words(manager ?? "", 60)}${manager === undefined || cause === undefined ? "" : ": "}${cause === undefined ? "" : html`“${words(cause, 200)}”`}`;
}
