import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { ROOT } from "../../scripts/tests/files.ts";
import { helmOk } from "./helm.ts";

/** Name of the ValidatingWebhookConfiguration of `admissionConfiguration`. */
export const ADMISSION = "weir-weir-system";

/** The configuration of the chart as it is, at an address in place of the Service. `home`: a folder for helm. */
export async function admissionConfiguration(url: string, home: string): Promise<object> {
  const images = ["image.repository=r.example/weir", "proxyImage.repository=r.example/envoy"].flatMap((value) => ["--set", value]);
  const chart = ["template", "weir", join(ROOT, "charts/weir"), "-n", "weir-system", "--show-only", "templates/admission.yaml"];
  const [document] = parseAllDocuments(await helmOk([...chart, ...images], { home }));
  const configuration = document?.toJS();
  for (const webhook of configuration.webhooks) webhook.clientConfig = { url };
  return configuration;
}
