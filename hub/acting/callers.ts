import type { People, Person } from "../../model/people.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { HubContext } from "../answers.ts";
import { printCookie, readCookie } from "./cookie.ts";
import { Identities } from "./identities.ts";
import { Sessions } from "./sessions.ts";

/** Somebody who sent a request and proved who they are. */
export interface Caller {
  readonly person: Person;
  /** By a page's session, which they can end; else by a header that something before this server sends. */
  readonly hasSession: boolean;
}

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
    const found = await this.identities.find(token, addressOf(context));
    return found.ok ? ok({ person: found.value, hasSession: context.req.header("authorization") === undefined }) : found;
  }

  /** Gives the `Set-Cookie` header of a new session. */
  async signIn(token: string, context: HubContext, isTls: boolean): Promise<Result<string>> {
    const found = await this.identities.find(token, addressOf(context));
    if (!found.ok) return found;
    const { id, seconds } = this.sessions.open(token, found.value.until);
    return ok(printCookie(id, hostOf(context), isTls, seconds));
  }

  /** Ends the session; gives the headers that take its cookie away. */
  signOut(context: HubContext): readonly string[] {
    const id = readCookie(context.req.header("cookie"), hostOf(context));
    if (id !== undefined) this.sessions.close(id);
    return [true, false].map((isTls) => printCookie("", hostOf(context), isTls, 0));
  }

  private sessionTokenOf(context: HubContext): string | undefined {
    const id = readCookie(context.req.header("cookie"), hostOf(context));
    return id === undefined ? undefined : this.sessions.find(id);
  }
}

export function hostOf({ env }: HubContext): string {
  return env.incoming.headers.host?.toLowerCase() ?? "";
}

function addressOf({ env }: HubContext): string {
  return env.incoming.socket.remoteAddress ?? "";
}
