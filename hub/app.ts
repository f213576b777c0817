import { Hono } from "hono";
import { etag } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";
import type { Log } from "../model/log.ts";
import { fail, ok, type Result } from "../model/result.ts";
import type { Callers } from "./acting/callers.ts";
import { readForm } from "./acting/form.ts";
import { type AdmissionLimits, createAdmission } from "./admission.ts";
import { failure, type HubContext, type HubEnv, isApi, isBrowser } from "./answers.ts";
import { compressed } from "./compress.ts";
import type { Guard } from "./guard.ts";
import { isCrossOrigin, isLocalName, isSafe } from "./origin.ts";
import type { Pages } from "./page-routes.ts";
import type { Readers } from "./readers.ts";
import { refused } from "./refusals.ts";
import type { Route } from "./route.ts";

export interface AppOptions {
  readonly routes: readonly Route[];
  readonly log: Log;
  /** The server listens on an address that only this machine reaches. */
  readonly loopback: boolean;
  readonly admission: AdmissionLimits;
  /** Absent: everybody may read. */
  readonly readers?: Readers | undefined;
  /** Absent: there are no pages. */
  readonly pages?: Pages | undefined;
  /** Absent: nobody can sign in. */
  readonly callers?: Callers | undefined;
}

type App = Hono<HubEnv>;

/** HTTP as clients expect it, around a table of routes: HEAD, ETag, compression, 404, 405 with Allow, and errors of one shape. */
export function createApp({ routes, log, loopback, readers, admission, pages, callers }: AppOptions): App {
  const app: App = new Hono();
  app.use(headersFor(new Set(routes.map(({ path }) => path))));
  if (loopback) app.use(localNamesOnly);
  app.use(sameOriginWrites);
  const open = new Set(routes.filter(({ asksCallers }) => asksCallers).map(({ path }) => path));
  if (readers !== undefined) {
    const guard = readersOnly({ readers, callers, open, pages });
    app.use("/api/*", guard);
    for (const { path, isOpen } of pages?.routes ?? []) if (!isOpen) app.use(path, guard);
  }
  for (const { path, post } of pages?.routes ?? []) if (post !== undefined) app.post(path, formFirst);
  app.use(compressed);
  app.use(createAdmission(admission));
  const paths = routes.map(({ path }) => path).join(", ");
  const unknown = () => failure(404, "NotFound", `no such path; this server has ${paths}`);
  for (const { path, isDocument, get, post } of routes) {
    const pattern = path.replace(/\{(\w+)\}/g, ":$1");
    // Only where the answer carries its ETag: hono would read any other to its end to make one, and a stream has none.
    if (isDocument) app.get(pattern, etag());
    // hono answers HEAD by what GET answers, without the body.
    if (get !== undefined) app.get(pattern, async (context) => (await get(context)) ?? unknown());
    if (post !== undefined) app.post(pattern, async (context) => post(context));
    const allow = [...(get === undefined ? [] : ["GET", "HEAD"]), ...(post === undefined ? [] : ["POST"])].join(", ");
    app.all(pattern, ({ req }) => {
      const message = `${printable(req.method)} is not possible here: the API changes nothing, change the WasmFilter instead`;
      return failure(405, "MethodNotAllowed", message, { allow });
    });
  }
  for (const { path, get, post } of pages?.routes ?? []) {
    app.get(path, get);
    if (post !== undefined) app.post(path, (context) => post(context, context.get("form")));
  }
  app.notFound((context) => {
    return pages !== undefined && isBrowser(context) ? pages.missing(context) : unknown();
  });
  app.onError((error, { req }) => {
    // Answers are JSON of this process's own state: a fault there costs one request, not the operator.
    log.error("the read API could not answer", { path: req.path, error: error.message });
    return failure(500, "InternalError", "the server failed to answer; its log says why");
  });
  return app;
}

/** What a browser may do with an answer: nothing with a document of the API; a page takes its style, script and changes from here, and runs nothing else. */
function headersFor(documents: ReadonlySet<string>): Guard {
  const common = {
    xFrameOptions: "DENY",
    // Whether this host is HTTPS alone is for the TLS endpoint before it to say.
    strictTransportSecurity: false,
  };
  const strict = secureHeaders({ ...common, contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } });
  const own = ["'self'"];
  const forPages = secureHeaders({
    ...common,
    // Without a referrer a browser sends the Origin `null` with a form: https://fetch.spec.whatwg.org/#append-a-request-origin-header
    referrerPolicy: "same-origin",
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: own,
      scriptSrc: own,
      connectSrc: own,
      formAction: own,
      imgSrc: ["data:"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
  });
  return (context, next) => (documents.has(context.req.path) || isApi(context) ? strict : forPages)(context, next);
}

/** A web page may point a name of its own at 127.0.0.1 (DNS rebinding) and would then be allowed to read the answers. */
const localNamesOnly: Guard = async ({ env }, next) => {
  if (isLocalName(env.incoming.headers.host)) return next();
  return failure(421, "MisdirectedRequest", "this server listens on loopback and answers to localhost or an IP address only");
};

/** A page of another origin may send what changes something, with the network position of the person who looks at it: it is refused. */
const sameOriginWrites: Guard = async ({ req, env }, next) => {
  const source = { host: env.incoming.headers.host, origin: req.header("origin"), site: req.header("sec-fetch-site") };
  if (isSafe(req.method) || !isCrossOrigin(source)) return next();
  return failure(403, "CrossOrigin", `${printable(req.method)} from a page of another origin is refused`);
};

/** A form is read before its request takes a place of those that are answered at a time: who sends half of one holds a socket and no more. */
const formFirst: Guard = async (context, next) => {
  context.set("form", await readForm(context.req.raw));
  return next();
};

interface ReadersOnly {
  readonly readers: Readers;
  readonly callers: Callers | undefined;
  /** Paths that ask callers themselves. Health, metrics and the description of the API are for everybody. */
  readonly open: ReadonlySet<string>;
  readonly pages: Pages | undefined;
}

/** Lets in who has a reader's token, and who signed in and may read. Others get words, and at a page's path with a browser a page. */
function readersOnly({ readers, callers, open, pages }: ReadersOnly): Guard {
  return async (context, next) => {
    if (open.has(context.req.path)) return next();
    const allowed = readers.check(callers?.authorizationOf(context) ?? context.req.header("authorization"));
    if (allowed.ok) return next();
    const mayRead =
      allowed.error.reason === "Forbidden" || callers === undefined ? allowed : await personMayRead(callers, context, allowed);
    if (mayRead.ok) return next();
    return pages !== undefined && !isApi(context) && isBrowser(context) ? pages.refusal(context, mayRead.error) : refused(mayRead.error);
  };
}

async function personMayRead(callers: Callers, context: HubContext, otherwise: Result<void>): Promise<Result<void>> {
  const found = await callers.find(context);
  if (!found.ok) return found;
  if (found.value === undefined) return otherwise;
  const { person } = found.value;
  const may = await person.mayRead();
  if (!may.ok) return may;
  return may.value ? ok(undefined) : fail("Forbidden", `${person.name} may not list WasmFilters in all namespaces, which these pages show`);
}

function printable(method: string): string {
  return /^[A-Z]{1,16}$/.test(method) ? method : "this method";
}
