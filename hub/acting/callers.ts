import type { People, Person } from "../../model/people.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { addressOf, type HubContext, hostOf, isApi } from "../answers.ts";
import type { Follower } from "../events.ts";
import { printCookie, readCookie } from "./cookie.ts";
import { Identities } from "./identities.ts";
import { Sessions } from "./sessions.ts";

/** Somebody who sent a request and proved who they are. */
export interface Caller {
  readonly person: Person;
  /** By a page's session, which they can end; else by a header that something before this server sends. */
  readonly hasSession: boolean;
}

/** What the script of an open page puts on what it asks for by itself: nobody may be there any more. */
const BACKGROUND = "weir-background";

/** Who sends requests: by the Authorization header, or by the session that a cookie names. */
export class Callers {
  private readonly sessions: Sessions;
  private readonly identities: Identities;

  constructor(people: People, now: () => number) {
    this.sessions = new Sessions(now);
    this.identities = new Identities(people, now);
  }

  /** The header that the request has, or would have if its session's token were sent along. */
  authorizationOf(context: HubContext): string | undefined {
    const sent = context.req.header("authorization");
    if (sent !== undefined) return sent;
    const token = this.sessionTokenOf(context);
    return token === undefined ? undefined : `Bearer ${token}`;
  }

  /** `undefined`: nobody who says so. */
  async find(context: HubContext): Promise<Result<Caller | undefined>> {
    const authorization = this.authorizationOf(context);
    if (authorization === undefined) return ok(undefined);
    const [, token] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    if (token === undefined) return fail("Unauthorized", "the Authorization header has no bearer token");
    const hasSession = context.req.header("authorization") === undefined;
    const found = await this.identities.find(token, addressOf(context), hasSession);
    return found.ok ? ok({ person: found.value, hasSession }) : found;
  }

  /** As `find`. Fails where nobody says so. */
  async demand(context: HubContext): Promise<Result<Caller>> {
    const found = await this.find(context);
    if (!found.ok) return found;
    return found.value === undefined ? fail("Unauthorized", "sign in first") : ok(found.value);
  }

  /** Whose a stream of events is, and with which session it ends. */
  async followerOf(context: HubContext): Promise<Follower> {
    const found = await this.find(context);
    const person = found.ok ? found.value?.person : undefined;
    return { owner: person === undefined ? addressOf(context) : `person ${person.name}`, session: this.sessionIdOf(context) };
  }

  /** Gives the `Set-Cookie` header of a new session. */
  async signIn(token: string, context: HubContext, isTls: boolean): Promise<Result<string>> {
    const found = await this.identities.find(token, addressOf(context));
    if (!found.ok) return found;
    const { id, seconds } = this.sessions.open(token, found.value.name, found.value.until);
    return ok(printCookie(id, hostOf(context), isTls, seconds));
  }

  /** Ends the session, if there is one: `ended` is its id. Gives the headers that take its cookie away. */
  signOut(context: HubContext): { readonly ended: string | undefined; readonly cookies: readonly string[] } {
    const id = this.sessionIdOf(context);
    const ended = id !== undefined && this.sessions.close(id) ? id : undefined;
    return { ended, cookies: [true, false].map((isTls) => printCookie("", hostOf(context), isTls, 0)) };
  }

  /** Others may act than before: nobody does any more by what was remembered of them. */
  forget(): void {
    this.identities.forget();
  }

  private sessionTokenOf(context: HubContext): string | undefined {
    const id = this.sessionIdOf(context);
    return id === undefined ? undefined : this.sessions.find(id, isUse(context));
  }

  private sessionIdOf(context: HubContext): string | undefined {
    return readCookie(context.req.header("cookie"), hostOf(context));
  }
}

/** Whether a person asks. What an open page follows, and what it reads of the API, it asks for by itself. */
function isUse(context: HubContext): boolean {
  return context.req.header(BACKGROUND) === undefined && !isApi(context);
}
