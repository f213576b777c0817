import type { Filter } from "../model/filter.ts";
import { API_VERSION, KIND } from "../model/gen/wasmfilter.ts";
import { configurationOf, type PluginConfiguration } from "../model/plugin-configuration.ts";
import { fail, ok, type Result } from "../model/result.ts";
import { usage } from "./args/usage.ts";
import { readFile } from "./read-file.ts";
import type { Terminal } from "./terminal.ts";

/** What `weir verify` is told of a filter; what is absent is as the manifest says, or else as in a spec that says nothing. */
export interface VerifyFlags {
  readonly file: string | undefined;
  readonly config: string | undefined;
  readonly "root-id": string | undefined;
  readonly env: readonly string[];
  readonly type: string | undefined;
  readonly traffic: string | undefined;
  readonly requests: string | undefined;
  readonly "allow-on-headers-stop-iteration": boolean;
}

/** Longest configuration, in characters. */
const MAX_TEXT = 1024 * 1024;

/** The filter that these flags and the manifest describe, checked as the server checks one. Its image is not looked at. */
export async function verifiedFilter(flags: VerifyFlags, terminal: Terminal): Promise<Result<Filter>> {
  const manifest = flags.file === undefined ? ok({}) : await specIn(flags.file, terminal);
  if (!manifest.ok) return manifest;
  const given = await givenBy(flags);
  if (!given.ok) return given;
  const { preflight, image: _image, url: _url, sha256: _sha256, ...spec } = { ...manifest.value, ...given.value.spec } as SpecFields;
  const proof = { ...(manifest.value as SpecFields).preflight, ...preflight };
  const { parseFilter } = await import("../operator/index.ts");
  const parsed = parseFilter({
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name: "verified" },
    spec: { ...spec, image: "verified.invalid/module:1", ...(Object.keys(proof).length === 0 ? {} : { preflight: proof }) },
  });
  if (!parsed.ok) return parsed;
  if (parsed.value.configFrom === undefined) return ok({ ...parsed.value, settings: { ...parsed.value.settings, ...given.value.bytes } });
  const message = "the manifest takes the configuration from a Secret or ConfigMap, which is not read here; give it with --config";
  return fail("ConfigNeeded", message);
}

type SpecFields = Readonly<Record<string, unknown>> & { readonly preflight?: Readonly<Record<string, unknown>> };

async function specIn(path: string, terminal: Terminal): Promise<Result<SpecFields>> {
  const { readManifests } = await import("./fleet/manifests.ts");
  const read = await readManifests(path, terminal);
  if (!read.ok) return read;
  const filters = read.value.filter(({ manifest }) => manifest.kind === KIND);
  const [filter, ...others] = filters;
  if (filter === undefined || others.length > 0)
    return fail("OneFilterNeeded", `${path} holds ${filters.length} objects of kind ${KIND}; name a manifest with one`);
  return ok(((filter.manifest as { readonly spec?: unknown }).spec ?? {}) as SpecFields);
}

/** The part of a spec that the flags give. */
async function givenBy(flags: VerifyFlags): Promise<Result<{ readonly spec: SpecFields; readonly bytes: Partial<PluginConfiguration> }>> {
  const env = parseEnv(flags.env);
  if (!env.ok) return env;
  const config = flags.config === undefined ? ok(undefined) : await readConfiguration(flags.config);
  if (!config.ok) return config;
  const requests = flags.requests === undefined ? ok(undefined) : await readRequests(flags.requests);
  if (!requests.ok) return requests;
  const preflight = defined({ traffic: flags.traffic, requests: requests.value });
  const configuration = config.value === undefined ? undefined : configurationOf(config.value);
  return ok({
    // No spec can say bytes that are no text; a Secret can.
    bytes: configuration?.configBytes === undefined ? {} : configuration,
    spec: defined({
      config: configuration?.config,
      // A configuration that is given takes the place of one from elsewhere.
      ...(config.value === undefined ? {} : { configFrom: null }),
      rootId: flags["root-id"],
      env: env.value.length === 0 ? undefined : env.value,
      type: flags.type,
      allowOnHeadersStopIteration: flags["allow-on-headers-stop-iteration"] || undefined,
      preflight: Object.keys(preflight).length === 0 ? undefined : preflight,
    }) as SpecFields,
  });
}

function defined(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** The bytes of the text itself, or of the file whose name stands after `@`. */
export async function readConfiguration(text: string): Promise<Result<Buffer>> {
  if (!text.startsWith("@")) return ok(Buffer.from(text));
  const path = text.slice(1);
  const tooLarge = fail("ConfigTooLarge", `${path} holds more than ${MAX_TEXT} bytes`);
  return readFile(path, { maxBytes: MAX_TEXT, tooLarge, name: `the configuration ${path}` });
}

async function readRequests(path: string): Promise<Result<unknown>> {
  const { formatOf, readDocuments, readManifestText } = await import("../operator/index.ts");
  const text = await readManifestText(path);
  if (!text.ok) return fail(text.error.reason, `the requests in ${path}: ${text.error.message}`);
  const documents = readDocuments(text.value, formatOf(path));
  if (!documents.ok) return fail(documents.error.reason, `${path}: ${documents.error.message}`);
  return ok(documents.value[0]?.value);
}

function parseEnv(texts: readonly string[]): Result<{ readonly name: string; readonly value: string }[]> {
  const env: { name: string; value: string }[] = [];
  for (const text of texts) {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(text);
    if (match === null) return usage(`--env is NAME=VALUE, not "${text}"`);
    env.push({ name: match[1] ?? "", value: match[2] ?? "" });
  }
  return ok(env);
}
