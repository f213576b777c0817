/** Whether this server decides: of several replicas one does, and all serve. */
export interface Leadership {
  /** True while no other can decide. It ends by itself, so it is to be asked at every decision and before every write. */
  isLeading(): boolean;
  /** Calls the listener when it began or ended, until the returned function is called. */
  onChange(listener: (isLeading: boolean) => void): () => void;
}

/** The same, with whether who decides is heard at all. */
export interface HeardLeadership extends Leadership {
  /** This server itself decides, or another showed lately that it does. */
  isHeard(): boolean;
}

/** Of a server that has no others beside it. */
export const alone: HeardLeadership = { isLeading: () => true, isHeard: () => true, onChange: () => () => {} };
