import type { ConfigJudge, ConfigProblem } from "../../model/config-schema.ts";
import type { Filter } from "../../model/filter.ts";
import type { PluginConfiguration } from "../../model/plugin-configuration.ts";
import { type Failure, fail, ok, type Result } from "../../model/result.ts";
import { describeProblems } from "../parse/problem.ts";
import type { Found } from "../resolve/module.ts";

/** Where a configuration does not fit what its image says of configurations. Empty: it does, or the image says nothing. */
export async function configProblems(
  filter: Filter,
  configuration: PluginConfiguration,
  { configSchema }: Pick<Found, "configSchema">,
  judge: ConfigJudge,
): Promise<Result<readonly ConfigProblem[]>> {
  const schema = await configSchema();
  if (!schema.ok) return schema;
  if (schema.value === undefined) return ok([]);
  return judge.judge({ filter: filter.key, schema: schema.value, configuration, place: filter.configFrom?.kind ?? "spec" });
}

/**
 * Why a configuration is not to go out, by the schema of its image. Where that cannot be had now (another replica gave the module, and the registry is away) it goes on: the
 * proof gives the module its configuration all the same.
 */
export async function judgeConfig(
  filter: Filter,
  configuration: PluginConfiguration,
  found: Pick<Found, "configSchema">,
  judge: ConfigJudge,
): Promise<Failure | undefined> {
  const problems = await configProblems(filter, configuration, found, judge);
  if (!problems.ok) return problems.error.reason.startsWith("ConfigSchema") ? problems.error : undefined;
  return problems.value.length === 0 ? undefined : fail("ConfigInvalid", describeProblems(problems.value)).error;
}
