import type { Credentials } from "../model/module.ts";
import type { Result } from "../model/result.ts";
import { httpOptions, type OciOptions } from "./open.ts";
import { showCredentials } from "./registry/login.ts";

/** Shows credentials to a registry before they are kept. The value is false where it asks nobody for any, so that they were not checked. Fails as `showCredentials`. */
export function checkLogin(registry: string, credentials: Credentials, options: OciOptions): Promise<Result<boolean>> {
  return showCredentials(registry, { http: httpOptions(options), credentials });
}
