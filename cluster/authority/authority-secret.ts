import { X509Certificate } from "node:crypto";
import { fail, ok, type Result } from "../../model/result.ts";
import { type CertificateFiles, isAuthority } from "./certificate.ts";
import type { AuthorityState } from "./rotation.ts";
import type { Secret, SecretContent } from "./secret.ts";

/** Name of the Secret with the authority. */
export const AUTHORITY_SECRET = "weir-authority";
/** Annotation of that Secret: any new value asks for a rotation. */
export const ROTATE = "weir.dev/rotate";
/** Annotations by which the Secret tells how far a rotation is: times of RFC 3339, and the last value of `weir.dev/rotate` that was heard. */
const SIGNS_AT = "weir.dev/next-signs-at";
const COUNTS_UNTIL = "weir.dev/previous-counts-until";
const ROTATED = "weir.dev/rotated";

/** What the Secret of an authority holds. Fails when it is not whole; `id`: its name for messages. */
export function decodeAuthority({ annotations, data }: Secret, id: string): Result<AuthorityState> {
  const text = (key: string) => data.get(key)?.toString("utf8");
  const signing = pair(text("ca.crt"), text("ca.key"));
  if (signing === undefined) return broken(id, "ca.crt and ca.key are no authority's certificate and ECDSA key");
  const next = pair(text("next.crt"), text("next.key"));
  const signsAt = timeOf(annotations[SIGNS_AT]);
  if (data.has("next.crt") && (next === undefined || signsAt === undefined))
    return broken(id, `next.crt, next.key and the annotation ${SIGNS_AT} do not make up an authority`);
  const previous = text("previous.crt");
  const until = timeOf(annotations[COUNTS_UNTIL]);
  if (previous !== undefined && (until === undefined || certificateOf(previous) === undefined))
    return broken(id, `previous.crt and the annotation ${COUNTS_UNTIL} do not make up an authority`);
  return ok({
    signing,
    ...(next === undefined || signsAt === undefined ? {} : { next: { ...next, signsAt } }),
    ...(previous === undefined || until === undefined ? {} : { previous: { cert: previous, until } }),
    rotated: annotations[ROTATED],
  });
}

/** The content that makes a Secret hold this state. */
export function encodeAuthority({ signing, next, previous, rotated }: AuthorityState): SecretContent {
  return {
    annotations: {
      [SIGNS_AT]: next === undefined ? null : new Date(next.signsAt).toISOString(),
      [COUNTS_UNTIL]: previous === undefined ? null : new Date(previous.until).toISOString(),
      [ROTATED]: rotated ?? null,
    },
    data: {
      ...{ "ca.crt": signing.cert, "ca.key": signing.key },
      ...{ "next.crt": next?.cert ?? null, "next.key": next?.key ?? null },
      "previous.crt": previous?.cert ?? null,
    },
  };
}

function pair(cert: string | undefined, key: string | undefined): CertificateFiles | undefined {
  return cert !== undefined && key !== undefined && isAuthority({ cert, key }) ? { cert, key } : undefined;
}

function certificateOf(text = ""): X509Certificate | undefined {
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

function timeOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? "");
  return Number.isNaN(time) ? undefined : time;
}

function broken(id: string, why: string): Result<never> {
  return fail(
    "Authority",
    `the authority in the Secret ${id} cannot be used: ${why}; restore it from a backup, or remove it and a new one is made`,
  );
}
