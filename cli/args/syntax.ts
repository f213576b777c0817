/** What a value is, for completion: a path, or a name that the fleet knows. */
export type ValueKind = "file" | "folder" | "filter" | "policy" | "namespace" | "proxy" | "revision" | "context" | "image";

interface CommonFlag {
  /** One line: what it does, or what the value means. */
  readonly help: string;
  /** One letter: `n` for `-n`. */
  readonly short?: string;
  /** Environment variable that is used if the flag is absent. */
  readonly env?: string;
}

export interface BooleanFlag extends CommonFlag {
  readonly type: "boolean";
  /** On unless `--no-NAME` is given; help then shows `--no-NAME`. */
  readonly fallback?: true;
}

export interface StringFlag extends CommonFlag {
  readonly type: "string";
  /** How the value is called in help, e.g. `DIR`. */
  readonly value?: string;
  readonly multiple?: true;
  /** It must be given; with `multiple`, at least once. */
  readonly required?: true;
  /** Value if neither the flag nor the variable is given. */
  readonly fallback?: string;
  /** The only values allowed. */
  readonly choices?: readonly string[];
  /** Its value where it is given without one; with one it is written `--name=value`. */
  readonly bare?: string;
  /** What completion offers as its value. Choices complete themselves. */
  readonly completes?: ValueKind;
}

/** One flag of a command. The same record drives parsing, help, completion and the reference. */
export type Flag = BooleanFlag | StringFlag;

/** One positional argument; the order of the record is the order on the command line. */
export interface Argument {
  readonly value: string;
  readonly help: string;
  readonly optional?: true;
  /** The last one: it takes all words that are left; with `optional` there may be none. */
  readonly multiple?: true;
  readonly choices?: readonly string[];
  readonly completes?: ValueKind;
}

export type Flags = Readonly<Record<string, Flag>>;
export type Arguments = Readonly<Record<string, Argument>>;

/** Any text, or one of the choices. */
type Text<T> = T extends { choices: readonly (infer C extends string)[] } ? C : string;
type FlagValue<F extends Flag> = F extends { type: "boolean" }
  ? boolean
  : F extends { multiple: true }
    ? readonly Text<F>[]
    : F extends { fallback: string } | { required: true }
      ? Text<F>
      : Text<F> | undefined;
type ArgumentValue<A extends Argument> = A extends { multiple: true }
  ? readonly Text<A>[]
  : A extends { optional: true }
    ? Text<A> | undefined
    : Text<A>;

export type FlagValues<F extends Flags> = { readonly [N in keyof F]: FlagValue<F[N]> };
export type ArgumentValues<A extends Arguments> = { readonly [N in keyof A]: ArgumentValue<A[N]> };

/** What a command line can hold. */
export interface Syntax {
  readonly flags: Flags;
  readonly args: Arguments;
}
