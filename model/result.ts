/** Why something a person asked for could not be done. Expected failures are values of this shape; exceptions are for bugs. */
export interface Failure {
  /** CamelCase word, fit for a condition's `reason`. */
  readonly reason: string;
  /** What is wrong, where, and what to do: see "Messages" in CONTRIBUTING.md. Never holds a secret. */
  readonly message: string;
  /** True when the same attempt may succeed later although nobody changed anything (e.g. the registry is down). */
  readonly retryable: boolean;
  /** Milliseconds after which the other side wants to be asked again; absent: it does not say. */
  readonly retryAfterMs?: number;
}

export type Result<T, E = Failure> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E };

export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value };
}

/** A failure that only a person can fix (a wrong reference, a module that cannot load). */
export function fail(reason: string, message: string): { readonly ok: false; readonly error: Failure } {
  return { ok: false, error: { reason, message, retryable: false } };
}

/** A failure that may go away by itself (network, registry, conflict). */
export function failForNow(reason: string, message: string): { readonly ok: false; readonly error: Failure } {
  return { ok: false, error: { reason, message, retryable: true } };
}
