import type { Input } from "./target.ts";

/** Random numbers that a seed repeats: mulberry32. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** An integer from 0 to `below`, exclusive; 0 when there is none. */
  below(below: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  /** One of them. There must be one. */
  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  }
}

export interface MutateOptions {
  readonly random: Random;
  readonly words: readonly Uint8Array[];
  readonly maxBytes: number;
  /** Another input of the corpus, to take pieces from. */
  other(): Input;
}

/** Values on which lengths, counts and signs turn. */
const BYTES = [0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff, 0x40, 0x0a, 0x22, 0x5c] as const;
/** LEB128 and protobuf varints of large numbers; Wasm and protobuf share the form. */
const VARINTS = [
  [0xff, 0x7f],
  [0x80, 0x80, 0x04],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
].map((bytes) => Uint8Array.from(bytes));

/** Up to 2^16 copies of a piece: what grows with their number shows. */
const MAX_COPIES = 16;

/** The input with one to eight changes. Never more than `maxBytes` in all. */
export function mutate(input: Input, options: MutateOptions): Input {
  const { random, maxBytes } = options;
  let parts = [...input];
  for (let left = 1 << random.below(4); left > 0; left -= 1) {
    if (random.below(4) === 0) parts = mutateParts(parts, options);
    const at = random.below(parts.length);
    parts[at] = mutateBytes(parts[at] ?? new Uint8Array(), options);
  }
  let room = maxBytes;
  return parts.map((part) => {
    const kept = part.subarray(0, room);
    room -= kept.length;
    return kept;
  });
}

function mutateParts(parts: readonly Uint8Array[], { random, other }: MutateOptions): Uint8Array[] {
  const at = random.below(parts.length);
  const taken = random.pick(random.below(2) === 0 ? parts : other());
  if (random.below(3) === 0 && parts.length > 1) return parts.toSpliced(at, 1);
  if (parts.length === 1 && random.below(4) > 0) return [...parts];
  return parts.toSpliced(at + random.below(2), 0, taken);
}

type Change = (bytes: Uint8Array, at: number, options: MutateOptions) => Uint8Array;

const CHANGES: readonly Change[] = [
  (bytes, at, { random }) => withByte(bytes, at, (bytes[at] ?? 0) ^ (1 << random.below(8))),
  (bytes, at, { random }) => withByte(bytes, at, random.pick(BYTES)),
  (bytes, at, { random }) => withByte(bytes, at, (bytes[at] ?? 0) + random.below(9) - 4),
  (bytes, at, { random }) => splice(bytes, at, random.below(Math.min(bytes.length - at, 64)), new Uint8Array()),
  (bytes, at, { random, words }) => splice(bytes, at, random.below(2) * random.below(16), random.pick(words)),
  (bytes, at, { random }) => splice(bytes, at, 1, random.pick(VARINTS)),
  (bytes, at, { random }) => splice(bytes, random.below(bytes.length), 0, piece(bytes, at, random)),
  (bytes, at, { random, other }) => splice(bytes, at, random.below(32), piece(random.pick(other()), undefined, random)),
  (bytes, at, { random, maxBytes }) => {
    const copied = piece(bytes, at, random);
    const copies = Math.min(2 ** random.below(MAX_COPIES), Math.floor(maxBytes / Math.max(1, copied.length)));
    return random.below(16) > 0 ? bytes : splice(bytes, at, 0, Buffer.concat(Array(copies).fill(copied)));
  },
  (bytes, at) => bytes.subarray(0, at),
];

function mutateBytes(bytes: Uint8Array, options: MutateOptions): Uint8Array {
  const { random } = options;
  return random.pick(CHANGES)(bytes, random.below(bytes.length), options);
}

function piece(bytes: Uint8Array, at: number | undefined, random: Random): Uint8Array {
  const start = at ?? random.below(bytes.length);
  return bytes.subarray(start, start + 1 + random.below(random.below(4) === 0 ? 4096 : 32));
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  if (at < changed.length) changed[at] = value;
  return changed;
}

function splice(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
}
