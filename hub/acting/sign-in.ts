import { isLoopback } from "../../base/loopback.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { type HubContext, hostOf, seeOther } from "../answers.ts";
import { hostname } from "../origin.ts";
import type { PageRoute } from "../page-routes.ts";
import { html } from "../pages/html.ts";
import { mePage, signInForm } from "../pages/me.ts";
import { BROKEN, refusalOf } from "../refusals.ts";
import type { Caller } from "./callers.ts";
import { type ActingDeps, checkOrigin, refuse } from "./deps.ts";
import { localPath } from "./form.ts";

/** Namespaces whose rights are asked for on a page. */
const MOST_NAMESPACES = 20;

/** `/me`: who somebody is, signing in and signing out. */
export function createSignIn(deps: ActingDeps): readonly PageRoute[] {
  return [
    {
      path: "/me",
      isOpen: true,
      async get(context) {
        const found = await deps.callers.find(context);
        if (found.ok && found.value !== undefined) return showMe(deps, context, found.value);
        if (found.ok) return showForm(deps, context, { status: 200 });
        const { message, retryable } = found.error;
        return showForm(deps, context, { status: retryable ? statusOf(found.error) : 200, problem: message });
      },
      async post(context, form) {
        const from = checkOrigin(context);
        if (!from.ok) return refuse(deps, context, from.error);
        const isTls = checkTransport(context);
        if (!isTls.ok) return refuse(deps, context, isTls.error);
        if (!form.ok) return refuse(deps, context, form.error);
        const signedIn = await deps.callers.signIn((form.value.get("token") ?? "").trim(), context, isTls.value);
        const to = localPath(form.value.get("to"), "/me");
        if (signedIn.ok) return seeOther(to, [signedIn.value]);
        return showForm(deps, context, { status: statusOf(signedIn.error), problem: signedIn.error.message, to });
      },
    },
    {
      path: "/me/out",
      isOpen: true,
      get: async () => seeOther("/me"),
      async post(context) {
        const from = checkOrigin(context);
        if (!from.ok) return refuse(deps, context, from.error);
        const { ended, cookies } = deps.callers.signOut(context);
        if (ended !== undefined) deps.onSignOut(ended);
        return seeOther("/me", cookies);
      },
    },
  ];
}

function statusOf(error: Failure): number {
  return refusalOf(error, BROKEN).status;
}

interface FormOptions {
  readonly status: number;
  readonly problem?: string | undefined;
  readonly to?: string;
}

function showForm({ print, people }: ActingDeps, context: HubContext, { status, problem, to }: FormOptions): Promise<Response> {
  const asked = to ?? localPath(new URL(context.req.url).searchParams.get("to"), "/me");
  const main = html`<h1>Sign in</h1>
${signInForm({ howTo: people.howTo, to: asked, problem })}`;
  return print(context, { title: "Sign in", main, isStill: true }, status);
}

async function showMe({ print, views, readers }: ActingDeps, context: HubContext, { person, hasSession }: Caller): Promise<Response> {
  const { name, groups, until } = person;
  const reads = readers === undefined ? ok(true) : await person.mayRead();
  const mayRead = reads.ok ? reads.value : undefined;
  // Who may not look learns no names.
  const all = mayRead ? [...new Set(views.filters().map(({ metadata }) => metadata.namespace ?? ""))].sort() : [];
  const rights = await Promise.all(
    all.slice(0, MOST_NAMESPACES).map(async (namespace) => {
      const may = await person.may("patch", { namespace });
      return { namespace, mayChange: may.ok ? may.value : undefined };
    }),
  );
  const more = Math.max(0, all.length - MOST_NAMESPACES);
  const main = mePage({ name, groups, until, canSignOut: hasSession, mayRead, rights, more });
  return print(context, { title: name, main, isStill: true }, 200);
}

/** Whether the page is on TLS, as its browser says. A token goes over a network in no other way. */
function checkTransport(context: HubContext): Result<boolean> {
  const isTls = context.req.header("origin")?.startsWith("https:") === true;
  if (isTls || isLoopback(hostname(hostOf(context)))) return ok(isTls);
  return fail(
    "Forbidden",
    "a token is not taken over plain HTTP, where others can read it: use a proxy with TLS, or kubectl port-forward and localhost",
  );
}
