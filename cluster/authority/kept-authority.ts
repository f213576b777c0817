import { randomUUID, X509Certificate } from "node:crypto";
import { createStandingTrouble } from "../../base/standing-trouble.ts";
import type { Clock } from "../../model/clock.ts";
import type { ApiFailure, Follow, KubeApi, KubeObject } from "../../model/kube.ts";
import type { Log } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { tellEvent } from "../object-event.ts";
import { refusal } from "../refusal.ts";
import type { Authority } from "./authority.ts";
import { AUTHORITY_SECRET, decodeAuthority, encodeAuthority, ROTATE } from "./authority-secret.ts";
import { type CertificateFiles, createAuthority } from "./certificate.ts";
import { type AuthorityState, bundleOf, CA_VALID_MS, endOf, nextStep, take } from "./rotation.ts";
import { createSecretStore, readOrMake, type Secret, type SecretStore, secretOf } from "./secret.ts";

export interface KeptAuthorityOptions {
  readonly api: KubeApi;
  readonly follow: Follow;
  readonly namespace: string;
  readonly clock: Clock;
  readonly log: Log;
  /** The authority that this Weir had before it kept it in a Secret; `undefined`: none. */
  readonly before: () => Promise<Result<CertificateFiles | undefined>>;
}

/** It is looked at least so often whether a step is due: clocks are set, and machines sleep. */
const LOOK_MS = 3_600_000;
/** After a step that could not be written. */
const RETRY_MS = 60_000;
/** Steps that can be due at once: of a Weir that was away for years, one after the other. */
const MOST_STEPS = 8;

/**
 * The authority in the Secret `weir-authority` of Weir's namespace: made where there is none, rotated in time, and followed, since others (replicas, people) change it
 * too. Fails when it cannot be read or made, or has ended and cannot be rotated.
 */
export async function openKeptAuthority(options: KeptAuthorityOptions): Promise<Result<Authority>> {
  const { api, namespace, before, clock, log } = options;
  const store = createSecretStore(api, namespace, AUTHORITY_SECRET);
  const contentOf = (signing = newAuthority(clock)) => encodeAuthority({ signing });
  const secret = await readOrMake(store, { what: "the authority", before, contentOf, log });
  if (!secret.ok) return secret;
  const state = decodeAuthority(secret.value, store.id);
  if (!state.ok) return state;
  const authority = new KeptAuthority(options, store, secret.value, state.value);
  const advanced = await authority.advance();
  if (endOf(authority.signing().cert) <= clock.now()) {
    const why = advanced.ok ? "its clock or this one is wrong" : advanced.error.message;
    return fail("Authority", `the authority in the Secret ${store.id} has ended and there is no next one: ${why}`);
  }
  const begins = new X509Certificate(authority.signing().cert).validFromDate;
  if (begins.getTime() > clock.now())
    log.warn("the authority is not valid yet by this clock; compare the clocks", { begins: begins.toISOString() });
  return ok(authority);
}

class KeptAuthority implements Authority {
  private readonly options: KeptAuthorityOptions;
  private readonly store: SecretStore;
  private readonly listeners = new Set<() => void>();
  private secret: Secret;
  private state: AuthorityState;
  private turn: Promise<void> = Promise.resolve();
  private cancel: () => void = () => {};
  private isStopped = false;
  /** Why the last step was not taken. */
  private readonly unsettled: (error: string | undefined) => void;
  /** Why nothing is watched. */
  private readonly unwatched: (error: string | undefined) => void;

  constructor(options: KeptAuthorityOptions, store: SecretStore, secret: Secret, state: AuthorityState) {
    this.options = options;
    this.store = store;
    this.secret = secret;
    this.state = state;
    const { log } = options;
    this.unsettled = createStandingTrouble((error) => log.error("the authority stays as it is", { error }));
    this.unwatched = createStandingTrouble(
      (error) => log.warn("the Secret of the authority cannot be watched", { error }),
      () => log.info("the Secret of the authority is watched again", { object: `Secret ${store.id}` }),
    );
  }

  signing(): CertificateFiles {
    return this.state.signing;
  }

  current(): string {
    return bundleOf(this.state);
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  start(): () => Promise<void> {
    const { api, follow, namespace, clock, log } = this.options;
    this.inTurn(async () => this.settle(await this.advance()));
    const reflector = follow({
      ...{ api, clock, log, random: Math.random },
      path: `/api/v1/namespaces/${namespace}/secrets`,
      fieldSelector: `metadata.name=${AUTHORITY_SECRET}`,
      onList: ([object]) => this.saw(object),
      onEvent: (type, object) => this.saw(type === "DELETED" ? undefined : object),
      onTrouble: (failure) => this.watched(failure),
    });
    return async () => {
      this.isStopped = true;
      this.cancel();
      await reflector.stop();
      await this.turn;
    };
  }

  /** Takes each step that is due, and gives when the next one is, in milliseconds since the epoch. */
  async advance(): Promise<Result<number>> {
    const { clock, log } = this.options;
    for (let count = 0; count < MOST_STEPS; count += 1) {
      const wish = this.secret.annotations[ROTATE];
      const step = nextStep(clock.now(), this.state, wish);
      if (step.kind === "wait") return ok(step.until);
      const state = take(step, this.state, wish, () => newAuthority(clock));
      const written = await this.store.change(encodeAuthority(state), this.secret.resourceVersion);
      if (!written.ok) return written;
      if (written.value === undefined) {
        const again = await this.readAgain();
        if (!again.ok) return again;
        continue;
      }
      this.adopt(written.value);
      log.info("a step of the authority's rotation", { object: `Secret ${this.store.id}`, step: step.kind, ...timesOf(state) });
      this.tell(step.kind, timesOf(state));
    }
    return ok(clock.now() + RETRY_MS);
  }

  private tell(step: string, times: Readonly<Record<string, string>>): void {
    const { namespace } = this.options;
    const subject = { apiVersion: "v1", kind: "Secret", namespace, name: AUTHORITY_SECRET, uid: this.secret.uid };
    const message = [`a step of the authority's rotation: ${step}`, ...Object.entries(times).map(([what, time]) => `${what} ${time}`)].join(
      "; ",
    );
    tellEvent(this.options, subject, { reason: "AuthorityRotation", message });
  }

  private watched(failure: ApiFailure | undefined): void {
    const { namespace } = this.options;
    this.unwatched(failure && refusal({ verb: "watch", resource: "secrets", id: this.store.id, namespace }, failure).error.message);
  }

  private saw(object: KubeObject | undefined): void {
    this.inTurn(async () => {
      if (object === undefined) return this.settle(await this.restore());
      const secret = secretOf(object);
      if (secret.resourceVersion !== this.secret.resourceVersion) {
        // What the watch brings may be older than what was written meanwhile.
        const again = await this.readAgain();
        if (!again.ok) return this.settle(again);
      }
      return this.settle(await this.advance());
    });
  }

  private inTurn(action: () => Promise<void>): void {
    this.turn = this.turn.then(async () => {
      if (!this.isStopped) await action();
    });
  }

  private settle(advanced: Result<number>): void {
    const { clock } = this.options;
    this.unsettled(advanced.ok ? undefined : advanced.error.message);
    this.cancel();
    if (this.isStopped) return;
    const ms = advanced.ok ? Math.min(LOOK_MS, Math.max(0, advanced.value - clock.now())) : RETRY_MS;
    this.cancel = clock.after(ms, () => this.inTurn(async () => this.settle(await this.advance())));
  }

  private async readAgain(): Promise<Result<void>> {
    const found = await this.store.read();
    if (!found.ok) return found;
    if (found.value === undefined) {
      const restored = await this.restore();
      return restored.ok ? ok(undefined) : restored;
    }
    return this.adopt(found.value);
  }

  /** Somebody removed the Secret. Proxies know this authority: it is written again as it is. */
  private async restore(): Promise<Result<number>> {
    const { log } = this.options;
    const object = `Secret ${this.store.id}`;
    log.warn(
      `the Secret of the authority was removed and is written again as it was; to have a new authority, annotate it with ${ROTATE}`,
      { object },
    );
    const made = await this.store.create(encodeAuthority(this.state));
    if (!made.ok) return made;
    const adopted = this.adopt(made.value);
    return adopted.ok ? this.advance() : adopted;
  }

  private adopt(secret: Secret): Result<void> {
    const state = decodeAuthority(secret, this.store.id);
    if (!state.ok) return state;
    const isSame = this.current() === bundleOf(state.value) && this.state.signing.cert === state.value.signing.cert;
    this.secret = secret;
    this.state = state.value;
    if (!isSame) for (const listener of this.listeners) listener();
    return ok(undefined);
  }
}

function newAuthority(clock: Clock): CertificateFiles {
  return createAuthority(`Weir ${randomUUID().slice(0, 8)}`, clock.now(), CA_VALID_MS);
}

function timesOf({ signing, next, previous }: AuthorityState): Record<string, string> {
  return {
    ends: new Date(endOf(signing.cert)).toISOString(),
    ...(next === undefined ? {} : { nextSignsAt: new Date(next.signsAt).toISOString() }),
    ...(previous === undefined ? {} : { previousCountsUntil: new Date(previous.until).toISOString() }),
  };
}
