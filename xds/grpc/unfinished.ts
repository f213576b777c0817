/** A call whose client has begun a message, or has sent some that wait for their turn. */
export interface Holder {
  /** What its connection holds is counted together. */
  readonly connection: object;
  /** Ends the call: it takes more than its part. */
  evict(): void;
}

/** Counts the memory of what clients have begun to send: of each connection, and of all. Who holds most goes when all of them hold too much. */
export class Unfinished {
  private readonly perConnection: number;
  private readonly inAll: number;
  private readonly calls = new Map<Holder, number>();
  private readonly connections = new Map<object, number>();
  private total = 0;

  /** Both in bytes. */
  constructor(perConnection: number, inAll: number) {
    this.perConnection = perConnection;
    this.inAll = inAll;
  }

  /** The call holds so many bytes now. */
  set(call: Holder, bytes: number): void {
    const change = bytes - (this.calls.get(call) ?? 0);
    if (change === 0) return;
    if (bytes === 0) this.calls.delete(call);
    else this.calls.set(call, bytes);
    const { connection } = call;
    const held = (this.connections.get(connection) ?? 0) + change;
    if (held === 0) this.connections.delete(connection);
    else this.connections.set(connection, held);
    this.total += change;
    if (held > this.perConnection) call.evict();
    else while (this.total > this.inAll && this.evictLargest());
  }

  /** Of the connection that holds most, the call that holds most. */
  private evictLargest(): boolean {
    const connection = keyOfMost(this.connections);
    const call = keyOfMost(this.calls, (holder) => holder.connection === connection);
    if (call === undefined) return false;
    call.evict();
    // Ending it has let go of its bytes; if not, there is no use in going on.
    return !this.calls.has(call);
  }
}

function keyOfMost<K>(map: ReadonlyMap<K, number>, counts: (key: K) => boolean = () => true): K | undefined {
  let most: K | undefined;
  let size = 0;
  for (const [key, value] of map) {
    if (value <= size || !counts(key)) continue;
    most = key;
    size = value;
  }
  return most;
}
