/** A spec that something is done for. */
export interface Tried {
  /** Id (`namespace/name`) of its filter. */
  readonly filter: string;
  readonly spec: unknown;
}

/** Ends of the process that were not asked for, and the spec that was under way in each. It outlives the process. */
export interface CrashJournal {
  /** Does work for a spec. An error that nothing catches, now or later in what the work began, is held against it. */
  during<T>(tried: Tried, work: () => T): T;
  /** The same for work that a spec may end at once (memory, the stack of native code): if the process is gone before it is done, that counts too. */
  attempt<T>(tried: Tried, work: () => T): T;
  /** How often the process ended lately with this very spec under way in this version of Weir. */
  ends(tried: Tried): number;
}

/** Holds nothing against anybody. */
export const noCrashJournal: CrashJournal = { during: (_, work) => work(), attempt: (_, work) => work(), ends: () => 0 };
