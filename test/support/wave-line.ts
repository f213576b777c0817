import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createKeyring } from "../../base/keyring.ts";
import { WaveLine } from "../../operator/index.ts";

/** The wave line of a server with this data folder. */
export function waveLineOf(data: string): WaveLine {
  return new WaveLine(createKeyring(readFileSync(join(data, "private/key"))).keyedHash("wave position"));
}
