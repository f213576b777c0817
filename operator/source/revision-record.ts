import { isDigest } from "../../model/digest.ts";
import type { PluginSettings, Revision } from "../../model/revision.ts";
import { isFields } from "../parse/defaults.ts";

/** A revision as it is kept: without the config text when that comes from a Secret. */
export function toRecord(revision: Revision): Revision {
  if (revision.secretConfig === undefined) return revision;
  return { ...revision, settings: { ...revision.settings, config: "" } };
}

/** A kept revision read back; `undefined` when it is damaged. */
export function fromRecord(value: unknown): Revision | undefined {
  if (!isFields(value)) return undefined;
  const { number, image, digest, wasmDigest, settings, capabilities, hash, time, secretConfig } = value;
  const sound =
    Number.isInteger(number) &&
    typeof image === "string" &&
    typeof digest === "string" &&
    isDigest(digest) &&
    typeof wasmDigest === "string" &&
    isDigest(wasmDigest) &&
    isSettings(settings) &&
    Array.isArray(capabilities) &&
    typeof hash === "string" &&
    typeof time === "string" &&
    (secretConfig === undefined ||
      (isFields(secretConfig) && typeof secretConfig.name === "string" && typeof secretConfig.key === "string"));
  if (!sound) return undefined;
  const revision = value as unknown as Revision;
  return { ...revision, settings: { ...revision.settings, capabilities: revision.settings.capabilities } };
}

function isSettings(value: unknown): boolean {
  if (!isFields(value)) return false;
  const settings = value as unknown as PluginSettings;
  const texts = [settings.type, settings.slot, settings.config, settings.rootId, settings.failurePolicy];
  return (
    texts.every((text) => typeof text === "string") &&
    Number.isInteger(settings.priority) &&
    Array.isArray(settings.env) &&
    (settings.capabilities === undefined || Array.isArray(settings.capabilities))
  );
}
