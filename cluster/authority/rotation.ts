import { X509Certificate } from "node:crypto";
import type { CertificateFiles } from "./certificate.ts";

/** The authority of one Weir, with those before and after it while they overlap. Times are milliseconds since the epoch. */
export interface AuthorityState {
  /** Signs now. */
  readonly signing: CertificateFiles;
  /** Counts already, and signs from then on. */
  readonly next?: (CertificateFiles & { readonly signsAt: number }) | undefined;
  /** Signed before, and counts until then. Its key is gone. */
  readonly previous?: { readonly cert: string; readonly until: number } | undefined;
  /** The last wish for a rotation that was heard. */
  readonly rotated?: string | undefined;
}

/** What to do now with an authority, or until when there is nothing to do. */
export type Step =
  | { readonly kind: "wait"; readonly until: number }
  /** A next authority is made, and signs from then on. */
  | { readonly kind: "announce"; readonly signsAt: number }
  /** The next authority, which is there, signs from then on. */
  | { readonly kind: "hasten"; readonly signsAt: number }
  /** The next authority signs now; the one before counts until then. */
  | { readonly kind: "change"; readonly until: number }
  /** The one before counts no more. */
  | { readonly kind: "drop" };

const DAY_MS = 86_400_000;
/** A year: proxies are told of the next one by Weir itself, so it may be short. */
export const CA_VALID_MS = 365 * DAY_MS;
/** The next one is made so long before the end: Weir may be away for weeks meanwhile. */
const AHEAD_MS = 60 * DAY_MS;
/** A new one counts for so long before it signs: who copied the bundle by hand has a week to do so again. */
const ANNOUNCE_MS = 7 * DAY_MS;
/** Where somebody asked for it. A node brings a changed annotation or bundle into a pod within about two minutes. */
const HASTY_ANNOUNCE_MS = 15 * 60_000;
/** The longest certificate of a proxy that Weir signs in a cluster, in milliseconds: what the kubelet asks for. */
export const CLIENT_VALID_MS = DAY_MS;
/** An old one counts for so long after the change: each certificate of it has ended by then. */
const OVERLAP_MS = 2 * CLIENT_VALID_MS;

/**
 * The next step of a rotation: a new authority is announced, then signs, then the one before is dropped; one rotation at a time. `wish`: any text that differs from
 * the last one asks for a rotation at once.
 */
export function nextStep(now: number, { signing, next, previous, rotated }: AuthorityState, wish: string | undefined): Step {
  const isWished = wish !== undefined && wish !== rotated;
  const end = endOf(signing.cert);
  if (next !== undefined && endOf(next.cert) > now) {
    if (isWished) return { kind: "hasten", signsAt: Math.min(next.signsAt, now + HASTY_ANNOUNCE_MS) };
    const signsAt = Math.min(next.signsAt, end);
    return now >= signsAt ? { kind: "change", until: Math.min(now + OVERLAP_MS, end) } : { kind: "wait", until: signsAt };
  }
  if (previous !== undefined) return now >= previous.until ? { kind: "drop" } : { kind: "wait", until: previous.until };
  if (!isWished && now < end - AHEAD_MS) return { kind: "wait", until: end - AHEAD_MS };
  const announced = now + (isWished ? HASTY_ANNOUNCE_MS : ANNOUNCE_MS);
  // Nobody can be served by an authority that has ended, whoever does not know the next one.
  return { kind: "announce", signsAt: Math.max(now, Math.min(announced, end)) };
}

/** The state after a step. `make` gives a new authority. */
export function take(step: Step, state: AuthorityState, wish: string | undefined, make: () => CertificateFiles): AuthorityState {
  const { signing, next } = state;
  switch (step.kind) {
    case "announce":
      return { signing, next: { ...make(), signsAt: step.signsAt }, rotated: wish };
    case "hasten":
      return next === undefined ? state : { ...state, next: { ...next, signsAt: step.signsAt }, rotated: wish };
    case "change":
      if (next === undefined) return state;
      return {
        ...state,
        signing: { cert: next.cert, key: next.key },
        next: undefined,
        previous: { cert: signing.cert, until: step.until },
      };
    case "drop":
      return { ...state, previous: undefined };
    case "wait":
      return state;
  }
}

/** The certificates that count, as PEM, the oldest first: the order is the same before and after a change. */
export function bundleOf({ signing, next, previous }: AuthorityState): string {
  const all = [previous?.cert, signing.cert, next?.cert].filter((cert) => cert !== undefined);
  return all.map((cert) => `${cert.trim()}\n`).join("");
}

/** When a certificate ends, in milliseconds since the epoch. */
export function endOf(cert: string): number {
  return new X509Certificate(cert).validToDate.getTime();
}
