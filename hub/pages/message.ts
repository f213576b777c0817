import { type Html, html } from "./html.ts";

/** A page that says one thing. */
export function messagePage(title: string, message: string): Html {
  return html`<h1>${title}</h1>
<p class="panel">${message}</p>
<p><a href="/">Overview</a></p>`;
}
