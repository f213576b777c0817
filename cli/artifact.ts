import { isUtf8 } from "node:buffer";
import type { Project } from "../author/index.ts";
import { MAX_CONFIG_SCHEMA_BYTES } from "../model/config-schema.ts";
import { fail, ok, type Result } from "../model/result.ts";
import type { ArtifactOptions, Attachment } from "../oci/index.ts";
import type { Flag, FlagValues } from "./args/syntax.ts";
import { usage } from "./args/usage.ts";
import { readFile } from "./read-file.ts";

/** Flags on what an image says about itself. */
export const artifactFlags = {
  annotation: {
    type: "string",
    multiple: true,
    value: "KEY=VALUE",
    help: "say this about the image: title, description, version, source, revision, licenses, documentation, url, vendor, authors, or a key in full",
  },
  readme: { type: "string", value: "FILE", completes: "file", help: "a Markdown file for people, which the image carries" },
  "config-schema": {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "the JSON Schema of the module's configurations, which the image carries: Weir judges spec.config by it",
  },
} as const satisfies Record<string, Flag>;

export const sbomFlag = {
  sbom: {
    type: "string",
    multiple: true,
    value: "FILE",
    completes: "file",
    help: "attach a bill of materials to the image: SPDX or CycloneDX, told by its content",
  },
} as const satisfies Record<string, Flag>;

/** https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys */
const OCI = "org.opencontainers.image.";
const SHORT = new Set(["title", "description", "version", "source", "revision", "licenses", "documentation", "url", "vendor", "authors"]);
/** What Weir itself says of a module. */
const OWN = "dev.weir.module.";
export const CREATED_ANNOTATION = `${OCI}created`;
export const ABI_ANNOTATION = `${OWN}abi`;

const MAX_README = 1 << 20;
const MAX_ANNOTATIONS = 64;
const MAX_VALUE = 4096;

export interface ArtifactInput {
  readonly module: Uint8Array;
  /** The project that the module was built from, if it was. */
  readonly project: Project | undefined;
  readonly flags: FlagValues<typeof artifactFlags>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * What the image of a module says besides the module: of the module itself (ABI, language, SDK), of its project's weir.yaml, and what the flags give, the later winning. The same input gives
 * the same image: a time is in it only with SOURCE_DATE_EPOCH. https://reproducible-builds.org/specs/source-date-epoch/
 */
export async function artifactOptions({ module, project, flags, env }: ArtifactInput): Promise<Result<ArtifactOptions>> {
  const given = readAnnotations(flags.annotation);
  if (!given.ok) return given;
  const created = readEpoch(env.SOURCE_DATE_EPOCH);
  if (!created.ok) return created;
  const path = flags.readme ?? project?.about.readme;
  const readme = path === undefined ? ok(undefined) : await readBounded(path, MAX_README, "a README");
  if (!readme.ok) return readme;
  const configSchema = await readSchema(flags["config-schema"] ?? project?.about.configSchema);
  if (!configSchema.ok) return configSchema;
  const time = created.value === undefined ? {} : { [CREATED_ANNOTATION]: created.value };
  const annotations = sorted({ ...(await ofModule(module)), ...ofProject(project), ...time, ...given.value });
  return ok({
    annotations,
    ...(created.value !== undefined && { created: created.value }),
    ...(readme.value !== undefined && { readme: readme.value }),
    ...(configSchema.value !== undefined && { configSchema: configSchema.value }),
  });
}

/** The bytes of a schema for configurations. One that no server would take is refused. */
export async function readSchema(path: string | undefined): Promise<Result<Uint8Array<ArrayBuffer> | undefined>> {
  if (path === undefined) return ok(undefined);
  const bytes = await readBounded(path, MAX_CONFIG_SCHEMA_BYTES, "a schema for configurations");
  if (!bytes.ok) return bytes;
  const { readConfigSchema } = await import("../operator/index.ts");
  const read = isUtf8(bytes.value)
    ? readConfigSchema(Buffer.from(bytes.value).toString("utf8"))
    : fail("ConfigSchemaInvalid", "is not UTF-8");
  return read.ok ? bytes : fail(read.error.reason, `${path}: as a schema for configurations it ${read.error.message}`);
}

async function ofModule(module: Uint8Array): Promise<Record<string, string>> {
  const { inspectModule, readProducers } = await import("../preflight/index.ts");
  const facts = inspectModule(module);
  const { language, sdk } = readProducers(module);
  return {
    ...(facts.ok && facts.value.abi !== undefined && { [ABI_ANNOTATION]: facts.value.abi }),
    ...(language.length > 0 && { [`${OWN}language`]: language.join(", ") }),
    ...(sdk.length > 0 && { [`${OWN}sdk`]: sdk.join(", ") }),
  };
}

function ofProject(project: Project | undefined): Record<string, string> {
  if (project === undefined) return {};
  const { name, language, about } = project;
  const texts = Object.entries(about.texts).map(([key, value]) => [`${OCI}${key}`, value] as const);
  const keywords = about.keywords.length === 0 ? {} : { [`${OWN}keywords`]: about.keywords.join(",") };
  return { [`${OCI}title`]: name, [`${OWN}language`]: language, ...Object.fromEntries(texts), ...keywords };
}

function readAnnotations(texts: readonly string[]): Result<Record<string, string>> {
  const given: Record<string, string> = {};
  if (texts.length > MAX_ANNOTATIONS) return usage(`--annotation is given more than ${MAX_ANNOTATIONS} times`);
  for (const text of texts) {
    const [, key = "", value = ""] = /^([^=\s]+)=(.*)$/s.exec(text) ?? [];
    const name = SHORT.has(key) ? `${OCI}${key}` : key;
    if (!/^[\x21-\x7e]{1,256}$/.test(name) || !name.includes(".") || value.length > MAX_VALUE)
      return usage(
        `--annotation is KEY=VALUE, with a short key (${[...SHORT].join(", ")}) or one in full such as com.example.team, not "${text.slice(0, 100)}"`,
      );
    given[name] = value;
  }
  return ok(given);
}

function readEpoch(text: string | undefined): Result<string | undefined> {
  if (text === undefined || text === "") return ok(undefined);
  const seconds = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  const date = new Date(seconds * 1_000);
  if (Number.isNaN(date.getTime())) return usage(`SOURCE_DATE_EPOCH is a number of seconds since 1970, not "${text.slice(0, 40)}"`);
  return ok(date.toISOString().replace(".000Z", "Z"));
}

function sorted(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Bills of materials, to be attached. */
export async function readSboms(paths: readonly string[]): Promise<Result<readonly Attachment[]>> {
  const { MAX_SBOM_BYTES, sbomType } = await import("../oci/index.ts");
  const attached: Attachment[] = [];
  for (const path of paths) {
    const bytes = await readBounded(path, MAX_SBOM_BYTES, "a bill of materials");
    if (!bytes.ok) return bytes;
    const mediaType = sbomType(bytes.value, path);
    if (!mediaType.ok) return mediaType;
    attached.push({ mediaType: mediaType.value, bytes: bytes.value });
  }
  return ok(attached);
}

function readBounded(path: string, maxBytes: number, what: string): Promise<Result<Uint8Array<ArrayBuffer>>> {
  return readFile(path, { maxBytes, tooLarge: fail("FileTooLarge", `${path} has more than ${maxBytes} bytes, the most of ${what}`) });
}
