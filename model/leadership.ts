/** Whether this server decides: of several replicas one does, and all serve. */
export interface Leadership {
  /** True while no other can decide. It ends by itself, so it is to be asked at every decision and before every write. */
  isLeading(): boolean;
  /** Whether who decides is heard: this server itself, or another that showed lately that it does. */
  isHeard(): boolean;
  /** Calls the listener when it began or ended, until the returned function is called. */
  onChange(listener: (isLeading: boolean) => void): () => void;
}

/** Of a server that has no others beside it. */
export const alone: Leadership = { isLeading: () => true, isHeard: () => true, onChange: () => () => {} };
