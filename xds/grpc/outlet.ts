import type { Socket } from "node:net";

/** Up to this many bytes are copied into one piece to leave at once. */
const SMALL = 16 * 1024;

/** The way out of a connection. What is written while it is corked leaves together. */
export class Outlet {
  /** How much data the peer takes on the whole connection, in bytes. Streams take from it what they send. */
  window: number;
  private readonly socket: Socket;
  private readonly parts: Uint8Array[] = [];
  private corked = false;
  private closed = false;

  constructor(socket: Socket, window: number) {
    this.socket = socket;
    this.window = window;
  }

  /** Bytes handed over that have not left this process. */
  backlog(): number {
    return this.socket.writableLength;
  }

  /** Hands bytes over. They must not change afterwards. */
  write(bytes: Uint8Array): void {
    if (this.closed) return;
    if (this.corked) this.parts.push(bytes);
    else this.socket.write(bytes);
  }

  /** False when it is corked already: whoever was first uncorks. */
  cork(): boolean {
    const first = !this.corked;
    this.corked = true;
    return first;
  }

  uncork(): void {
    this.corked = false;
    const { parts, socket } = this;
    const first = parts[0];
    if (first === undefined) return;
    if (parts.length === 1) socket.write(first);
    else if (isSmall(parts)) socket.write(Buffer.concat(parts));
    else {
      socket.cork();
      for (const part of parts) socket.write(part);
      socket.uncork();
    }
    parts.length = 0;
  }

  /** Nothing leaves after this, not even what is corked. */
  close(): void {
    this.closed = true;
    this.parts.length = 0;
  }
}

function isSmall(parts: readonly Uint8Array[]): boolean {
  let size = 0;
  for (const part of parts) size += part.byteLength;
  return size <= SMALL;
}
