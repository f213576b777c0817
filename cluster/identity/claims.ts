import { fieldsOf } from "../../base/json.ts";
import { fail, ok, type Result } from "../../model/result.ts";

/** What a ServiceAccount's token says of itself. Nothing of it is proved: only its issuer can check the signature. */
export interface Claims {
  readonly audiences: readonly string[];
  /** When it ends, in milliseconds since the epoch. */
  readonly until: number;
}

/** A token that a kubelet mounts has 1 to 2 KB; one with a long list of audiences a little more. */
const MAX_TOKEN = 8 * 1024;
const JWT = /^[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+$/;
const MAX_AUDIENCES = 16;

/**
 * Reads the claims of a token, which is a JSON Web Token: https://www.rfc-editor.org/rfc/rfc7519#section-4.1. Fails with `Unauthenticated`; the message never holds a
 * part of the token.
 */
export function readClaims(token: string): Result<Claims> {
  const [, payload] = (token.length <= MAX_TOKEN && JWT.exec(token)) || [];
  const { aud, exp } = payload === undefined ? {} : parse(payload);
  const audiences = typeof aud === "string" ? [aud] : aud;
  const isWhole =
    typeof exp === "number" &&
    Number.isFinite(exp) &&
    Array.isArray(audiences) &&
    audiences.length <= MAX_AUDIENCES &&
    audiences.every((audience): audience is string => typeof audience === "string");
  if (!isWhole)
    return fail("Unauthenticated", "the token is no ServiceAccount's; mount a projected token with serviceAccountToken in a pod");
  return ok({ audiences, until: exp * 1_000 });
}

function parse(payload: string): { readonly aud?: unknown; readonly exp?: unknown } {
  try {
    return fieldsOf(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
  } catch {
    return {};
  }
}
