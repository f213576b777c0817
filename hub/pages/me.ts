import { type Html, html } from "./html.ts";
import { mark, tablePanel, words } from "./pieces.ts";

export interface SignInInput {
  /** How people get a token. */
  readonly howTo: { readonly text: string; readonly example: string };
  /** A path of this server, where they go then. */
  readonly to: string;
  /** Why they are not signed in although they tried. */
  readonly problem?: string | undefined;
}

/** The form that takes a token. It stands where nobody is signed in. */
export function signInForm({ howTo, to, problem }: SignInInput): Html {
  return html`${problem === undefined ? "" : html`<p class="panel bad" role="alert">${words(problem, 600)}</p>`}
<form class="panel act" method="post" action="/me"><input type="hidden" name="to" value="${to}">
<p><label for="token">Token</label><input id="token" name="token" type="password" required maxlength="8192" autocomplete="off" spellcheck="false"></p>
<p class="mute">It is ${howTo.text}:</p><pre>${howTo.example}</pre>
<p class="mute">It stays in the memory of this server for as long as you are signed in, and goes nowhere but to who knows what you may do.</p>
<p class="row end"><button type="submit" class="solid">Sign in</button></p></form>`;
}

export interface MeInput {
  readonly name: string;
  readonly groups: readonly string[];
  /** Milliseconds since the epoch. */
  readonly until: number | undefined;
  /** They may sign out here: nothing before this server says who they are. */
  readonly canSignOut: boolean;
  /** `undefined`: it could not be asked. */
  readonly mayRead: boolean | undefined;
  readonly rights: readonly { readonly namespace: string; readonly mayChange: boolean | undefined }[];
  /** Namespaces that are not among `rights`. */
  readonly more: number;
}

/** Who somebody is here, and what they may do. */
export function mePage(input: MeInput): Html {
  const { name, groups, until, canSignOut, mayRead, rights, more } = input;
  const rows = rights.map(
    ({ namespace, mayChange }) => html`<tr><th scope="row">${namespace}</th><td>${answer(mayChange)}</td></tr>
`,
  );
  const out = html`<form method="post" action="/me/out"><button type="submit">Sign out</button></form>`;
  return html`<h1>${name}</h1>
<dl class="panel"><dt>Groups</dt><dd>${groups.length === 0 ? "none" : words(groups.join(", "), 1_000)}</dd>
<dt>Until</dt><dd>${until === undefined ? "the token does not say" : html`<time datetime="${new Date(until).toISOString()}">${new Date(until).toISOString()}</time>`}</dd>
<dt>Reads</dt><dd>${answer(mayRead)}</dd></dl>
${canSignOut ? out : html`<p class="mute">What is before this server says who you are with each request; sign out there.</p>`}
${rights.length === 0 ? "" : html`<h2>What you may change</h2>${tablePanel(["Namespace", "Its filters"], rows)}`}
${more === 0 ? "" : html`<p class="mute">and ${more} more namespaces</p>`}`;
}

function answer(may: boolean | undefined): Html {
  if (may === undefined) return mark("unread", "not known");
  return may ? mark("ok", "yes") : mark("off", "no");
}
