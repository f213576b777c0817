import type { FilterKey } from "./filter.ts";
import type { FilterPatch } from "./filter-patch.ts";
import type { WasmFilter } from "./gen/wasmfilter.ts";
import type { Result } from "./result.ts";

/** What a person may ask about. */
export type Right = "get" | "patch";

export interface PatchOptions {
  /** Of the object as it was read; where it has another one by now the patch fails with `Conflict`. */
  readonly resourceVersion: string;
  /** Everything is checked and nothing is changed. */
  readonly dryRun: boolean;
}

/**
 * A person who proved who they are. Whatever is done here is done with their rights and never with Weir's own. Failures have the words of who refused: `Unauthorized` (the token is good no
 * more), `Forbidden`, `NotFound`, `Conflict`, `Invalid`; `Unavailable` is retryable.
 */
export interface Person {
  readonly name: string;
  readonly groups: readonly string[];
  /** When what proves it ends, in milliseconds since the epoch; `undefined`: it does not say. */
  readonly until: number | undefined;
  /** Whether the person may read all that Weir shows. */
  mayRead(): Promise<Result<boolean>>;
  /** Whether the person may do this to WasmFilters: to one, or without a name to all of a namespace. */
  may(right: Right, place: { readonly namespace: string; readonly name?: string }): Promise<Result<boolean>>;
  /** The object as it is stored, with `metadata.resourceVersion`; with its status where the store has it. */
  read(key: FilterKey): Promise<Result<WasmFilter>>;
  /** Changes the object, and gives it as it is then. */
  patch(key: FilterKey, patch: FilterPatch, options: PatchOptions): Promise<Result<WasmFilter>>;
}

/** Says who people are, by the tokens that they bring. Tokens are kept nowhere but in what is given out, and are in no message. */
export interface People {
  /** Where they come from, and how to get a token, for people who sign in: plain words, and a command line or a file's content. */
  readonly howTo: { readonly text: string; readonly example: string };
  /** Fails with `Unauthorized`, or with `Unavailable` (retryable) where nobody could be asked. */
  find(token: string): Promise<Result<Person>>;
}
