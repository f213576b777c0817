import { clip } from "../../base/text.ts";
import type { ApiFailure } from "../../model/kube.ts";

/** One line of what `weir check` says. */
export interface Finding {
  /** What was looked at, one or two words. */
  readonly about: string;
  /** `warn`: it works, or could not be looked at. `fail`: something does not work. */
  readonly status: "ok" | "warn" | "fail";
  /** What is so and, where something is wrong, what to do. */
  readonly message: string;
}

const MAX_MESSAGE = 1_024;

/** Makes the findings of one subject. */
export function about(subject: string) {
  const say =
    (status: Finding["status"]) =>
    (message: string): Finding => ({ about: subject, status, message: clip(message, MAX_MESSAGE) });
  const warn = say("warn");
  return {
    ok: say("ok"),
    warn,
    fail: say("fail"),
    /** The facts are not to be had: no verdict. */
    unknown: ({ status, message }: ApiFailure): Finding =>
      warn(status === 403 ? `not looked at: ${message}; ask somebody with that right to run weir check` : `not looked at: ${message}`),
  };
}
