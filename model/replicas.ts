/** A target that is taken back before the record says so: whoever learns of a fault needs neither a leader nor an API server for that. */
export interface Withdrawal {
  /** `namespace/name`. */
  readonly filter: string;
  /** Of the filter's object. */
  readonly uid: string;
  /** Which rollout: its target, and when it began (milliseconds since the epoch, as the record has it). */
  readonly target: number;
  readonly startedAt: number;
  /** CamelCase, as a fault has it. */
  readonly reason: string;
  readonly message: string;
}

/** What people are told of a filter by who decides. */
export interface Told {
  /** `namespace/name`. */
  readonly filter: string;
  readonly type: "Normal" | "Warning";
  /** CamelCase. */
  readonly reason: string;
  readonly message: string;
}

/** What the operator of one replica does with the others. */
export interface Peers {
  /** From now on they are told of this operator's doings, and it of theirs, until the returned function is called. */
  join(member: Member): () => void;
  /** Tells every peer, and those that come later through `Member.withdrawals`. */
  withdraw(withdrawal: Withdrawal): void;
  /** Tells every peer, for those who follow the events there. */
  tell(event: Told): void;
  /** Tells the replica that serves this proxy, if it is another: it must wait for revisions with these hashes. */
  withhold(proxyKey: string, hashes: ReadonlySet<string>): void;
  /** Hashes of revisions that who decides says this server's proxy must wait for. */
  withheld(proxyKey: string): ReadonlySet<string> | undefined;
  /** True for a proxy of this server's own. */
  isOwn(proxyKey: string): boolean;
  /**
   * The text from a Secret that a revision with this keyed hash was made with, from a replica that has it in memory. `isRight`: whether these bytes are it.
   * `undefined`: none has it.
   */
  text(filter: string, hash: string, isRight: (bytes: Buffer) => boolean, signal?: AbortSignal): Promise<Buffer | undefined>;
}

export interface Member {
  /** Those that are not recorded yet. */
  withdrawals(): Iterable<Withdrawal>;
  withdrawn(withdrawal: Withdrawal): void;
  /** Who decides told people this. */
  told(event: Told): void;
  /** What this proxy of this server's own must wait for has changed. */
  overridden(proxyKey: string): void;
  /** This server decides from now on: what others told proxies to wait for is over, and what this one knows is to be told. */
  leads(): void;
  /** Who decides is heard, after somebody asked and nobody was: no proxy waits for that any longer. */
  leaderHeard(): void;
  /** The text from a Secret that the revision with this keyed hash was made with, if it is in memory. */
  text(filter: string, hash: string): Buffer | undefined;
}
