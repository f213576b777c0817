import { isRecord } from "../../base/json.ts";
import { isDigest } from "../../model/digest.ts";
import type { Revision } from "../../model/revision.ts";
import { readSettings } from "../../model/settings.ts";

/** Reads a stored revision. `undefined` if it is damaged. */
export function fromRecord(value: unknown): Revision | undefined {
  if (!isRecord(value) || !isRecord(value.settings)) return undefined;
  const { number, image, digest, wasmDigest, capabilities, hash, time, secretConfig } = value;
  const isSound =
    Number.isInteger(number) &&
    typeof image === "string" &&
    typeof digest === "string" &&
    isDigest(digest) &&
    typeof wasmDigest === "string" &&
    isDigest(wasmDigest) &&
    Array.isArray(capabilities) &&
    typeof hash === "string" &&
    typeof time === "string" &&
    (secretConfig === undefined ||
      (isRecord(secretConfig) && typeof secretConfig.name === "string" && typeof secretConfig.key === "string"));
  const settings = readSettings(value.settings);
  return isSound && settings !== undefined ? { ...(value as unknown as Revision), settings } : undefined;
}
