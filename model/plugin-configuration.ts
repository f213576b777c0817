import { isUtf8 } from "node:buffer";

/** What a plugin receives as its configuration. */
export interface PluginConfiguration {
  /** The text. Empty where it is none. */
  readonly config: string;
  /** Bytes that are no UTF-8 text, in base64. */
  readonly configBytes: string | undefined;
}

export function configurationOf(bytes: Buffer): PluginConfiguration {
  return isUtf8(bytes) ? { config: bytes.toString("utf8"), configBytes: undefined } : { config: "", configBytes: bytes.toString("base64") };
}

/** The very bytes that the plugin receives. */
export function bytesOf({ config, configBytes }: Pick<PluginConfiguration, "config"> & Partial<PluginConfiguration>): Buffer {
  return configBytes === undefined ? Buffer.from(config) : Buffer.from(configBytes, "base64");
}

/** True for what `configurationOf` makes of bytes. */
export function isConfigBytes(value: unknown): boolean {
  return typeof value === "string" && Buffer.from(value, "base64").toString("base64") === value;
}
