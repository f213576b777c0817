import type { Socket } from "node:net";

/** How many sockets may be open. */
export interface SocketBounds {
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

/** Open sockets, and those of them that nobody would miss; the oldest comes first. */
interface Group {
  readonly open: Set<Socket>;
  readonly idle: Set<Socket>;
}

/** The open sockets of a server, by the address of their client. */
export class Sockets {
  private readonly bounds: SocketBounds;
  private readonly all: Group = { open: new Set(), idle: new Set() };
  private readonly byAddress = new Map<string, Group>();
  /** By `nameOf`: the socket of a TLS connection is another object than the one below it. */
  private readonly byName = new Map<string, Socket>();

  constructor(bounds: SocketBounds) {
    this.bounds = bounds;
  }

  get size(): number {
    return this.all.open.size;
  }

  /** Takes the socket in, idle, in the place of the oldest idle one when there are too many; otherwise says why not. */
  admit(socket: Socket): string | undefined {
    const { remoteAddress: address = "" } = socket;
    const { maxConnections, maxConnectionsPerAddress } = this.bounds;
    const own = this.byAddress.get(address);
    if (own !== undefined && own.open.size >= maxConnectionsPerAddress && !this.makeRoom(own))
      return `its address has ${maxConnectionsPerAddress} connections already; see --max-connections-per-address`;
    if (this.size >= maxConnections && !this.makeRoom(this.all))
      return `there are ${maxConnections} connections already; see --max-connections`;
    const name = nameOf(socket);
    const group = this.byAddress.get(address) ?? { open: new Set(), idle: new Set() };
    this.byAddress.set(address, group);
    this.byName.set(name, socket);
    for (const { open, idle } of [this.all, group]) {
      open.add(socket);
      idle.add(socket);
    }
    socket.once("close", () => this.drop(socket, name, address));
    return undefined;
  }

  /** Says whether the connection on this socket is of use to its client now. */
  setIdle(name: string, isIdle: boolean): void {
    const socket = this.byName.get(name);
    if (socket === undefined) return;
    for (const group of [this.all, this.byAddress.get(socket.remoteAddress ?? "")]) {
      if (isIdle && group?.open.has(socket)) group.idle.add(socket);
      else group?.idle.delete(socket);
    }
  }

  destroy(): void {
    for (const socket of this.all.open) socket.destroy();
  }

  private makeRoom({ idle }: Group): boolean {
    const [oldest] = idle;
    if (oldest === undefined) return false;
    this.drop(oldest, nameOf(oldest), oldest.remoteAddress ?? "");
    oldest.destroy();
    return true;
  }

  private drop(socket: Socket, name: string, address: string): void {
    if (this.byName.get(name) === socket) this.byName.delete(name);
    const own = this.byAddress.get(address);
    for (const group of [this.all, own]) {
      group?.open.delete(socket);
      group?.idle.delete(socket);
    }
    if (own?.open.size === 0) this.byAddress.delete(address);
  }
}

/** Tells the open sockets of a server apart. */
export function nameOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
