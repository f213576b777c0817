import type { Readers } from "../../hub/index.ts";
import { fail, ok } from "../../model/result.ts";
import { bearerOf, type LiveTokens } from "../../xds/index.ts";

/** The read API answers whom the tokens call a reader. */
export function readersOf(tokens: LiveTokens): Readers {
  return {
    check(authorization) {
      const found = authorization === undefined ? undefined : tokens.find(bearerOf(authorization));
      if (found === undefined) return fail("Unauthorized", "this server asks who you are; send the bearer token of a reader");
      return found.role === "reader" ? ok(undefined) : fail("Forbidden", "a proxy may not read this; use a token with `role: reader`");
    },
    onChange: (listener) => tokens.onChange(listener),
  };
}
