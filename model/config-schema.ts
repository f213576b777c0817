import type { FilterKey } from "./filter.ts";
import type { PluginConfiguration } from "./plugin-configuration.ts";
import type { Result } from "./result.ts";

/** Media type of the layer of an image that has the JSON Schema of its configurations: https://json-schema.org/draft/2020-12/json-schema-core#section-14.1 */
export const CONFIG_SCHEMA_TYPE = "application/schema+json";

/** Most bytes of one. */
export const MAX_CONFIG_SCHEMA_BYTES = 64 * 1024;

/** What an image says of its configurations: the text of its schema, or why there is none that can be used. Somebody wrote it whom nobody trusts. */
export type CarriedSchema = { readonly text: string } | { readonly problem: string };

/** One thing about a configuration that its schema does not take. */
export interface ConfigProblem {
  /** Where, as kubectl writes it: `spec.config.limits[0]`. */
  readonly path: string;
  /** What is wrong. Never holds a part of the configuration. */
  readonly message: string;
}

export interface ConfigQuestion {
  /** Whose configuration it is: those of one namespace wait for each other. */
  readonly filter: FilterKey;
  readonly schema: CarriedSchema;
  readonly configuration: PluginConfiguration;
  /** Where it stands. `secret`: not even its names are told. */
  readonly place: "spec" | "configMap" | "secret";
}

/**
 * Says what is wrong with a configuration by the schema of its image. Bounded in time and memory, whatever the schema is. Fails with `ConfigSchemaInvalid` where that is
 * none, and, retryable, with `ConfigSchemaSlow`.
 */
export interface ConfigJudge {
  judge(question: ConfigQuestion): Promise<Result<readonly ConfigProblem[]>>;
}
