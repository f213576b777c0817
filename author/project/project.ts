import { isAbsolute, join, normalize } from "node:path";
import { closest } from "../../base/closest.ts";
import { printExactJson } from "../../model/exact-json.ts";
import { ok, type Result } from "../../model/result.ts";
import type { Place } from "../yaml/place.ts";
import { FACTS, LANGUAGES, type Language } from "./language.ts";

/** The file that makes a folder a project. */
export const PROJECT_FILE = "weir.yaml";

/** What a module is optimized for, once it is compiled. */
export const GOALS = ["size", "speed", "none"] as const;
export type Goal = (typeof GOALS)[number];

/** A filter on its author's machine: a folder with a `weir.yaml`. */
export interface Project {
  /** An absolute path, as all the paths here. */
  readonly folder: string;
  readonly language: Language;
  readonly name: string;
  /** Where the module is written. */
  readonly module: string;
  /** Globs of what a build reads, below `folder`. */
  readonly sources: readonly string[];
  /** The file that AssemblyScript and Zig compile. `undefined`: where the language has it. */
  readonly entry: string | undefined;
  /** `undefined`: as the language has it. */
  readonly optimize: Goal | undefined;
  /** Functions keep their names, which a trap's stack shows; the module is larger. */
  readonly keepNames: boolean;
  readonly rootId: string;
  /** The text that the filter gets as its configuration. */
  readonly config: string;
  /** The image's reference where none is given. */
  readonly image: string | undefined;
  /** What the image says about itself. */
  readonly about: About;
}

/** What people read about a filter: the image's annotations, and its README. Empty where nothing is written. */
export interface About {
  /** `description`, `version`, `source`, `licenses`, `documentation`, each as the image specification has it. */
  readonly texts: Readonly<Partial<Record<(typeof ABOUT)[number], string>>>;
  readonly keywords: readonly string[];
  /** An absolute path. */
  readonly readme: string | undefined;
  /** The JSON Schema of its configurations: an absolute path. */
  readonly configSchema: string | undefined;
}

const ABOUT = ["description", "version", "source", "licenses", "documentation"] as const;
const MAX_KEYWORDS = 32;

const KEYS = [
  "language",
  "name",
  "module",
  "sources",
  "entry",
  "optimize",
  "keepNames",
  "rootId",
  "config",
  "image",
  ...ABOUT,
  "keywords",
  "readme",
  "configSchema",
] as const;

/** The rules of a WasmFilter's own name: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names */
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** Longest text of a setting, and most globs. */
const MAX_TEXT = 1024;
const MAX_SOURCES = 64;

/** The project that a `weir.yaml` describes. Keys that it does not know are refused. */
export function parseProject(file: Place, folder: string): Result<Project> {
  if (!file.isMap) return file.wrong("holds no settings; write language and name, or start with weir init");
  const unknown = file.unknownKey(KEYS);
  if (unknown !== undefined) return { ok: false, error: unknown };
  const language = choice(file, "language", LANGUAGES);
  if (!language.ok) return language;
  if (language.value === undefined) return file.wrong(`has no language; write one of ${LANGUAGES.join(", ")}`);
  const name = nameOf(file);
  if (!name.ok) return name;
  const optimize = choice(file, "optimize", GOALS);
  if (!optimize.ok) return optimize;
  const keepNames = flag(file, "keepNames");
  if (!keepNames.ok) return keepNames;
  const paths = pathsOf(file, language.value);
  if (!paths.ok) return paths;
  const texts = textsOf(file);
  if (!texts.ok) return texts;
  const about = aboutOf(file, folder);
  if (!about.ok) return about;
  const { module = `build/${name.value}.wasm`, entry, sources } = paths.value;
  return ok({
    folder,
    language: language.value,
    name: name.value,
    module: join(folder, module),
    sources,
    entry: entry === undefined ? undefined : join(folder, entry),
    optimize: optimize.value,
    keepNames: keepNames.value,
    ...texts.value,
    config: configText(file.get("config")?.value),
    about: about.value,
  });
}

function aboutOf(file: Place, folder: string): Result<About> {
  const texts: Partial<Record<(typeof ABOUT)[number], string>> = {};
  for (const key of ABOUT) {
    const read = text(file.get(key));
    if (!read.ok) return read;
    if (read.value !== undefined) texts[key] = read.value;
  }
  const keywords = list(file.get("keywords"), MAX_KEYWORDS, "words", word);
  if (!keywords.ok) return keywords;
  const readme = path(file.get("readme"));
  if (!readme.ok) return readme;
  const configSchema = path(file.get("configSchema"));
  if (!configSchema.ok) return configSchema;
  const inside = (name: string | undefined) => (name === undefined ? undefined : join(folder, name));
  return ok({ texts, keywords: keywords.value ?? [], readme: inside(readme.value), configSchema: inside(configSchema.value) });
}

function word(place: Place): Result<string> {
  const { value } = place;
  return typeof value === "string" && /^[^\s,]{1,64}$/.test(value) ? ok(value) : place.wrong("must be one word, of at most 64 characters");
}

function nameOf(file: Place): Result<string> {
  const place = file.get("name");
  if (place === undefined) return file.wrong("has no name; write the filter's, as in name: add-header");
  const { value } = place;
  if (typeof value === "string" && NAME.test(value)) return ok(value);
  return place.wrong("must be up to 63 of a-z, 0-9 and -, and begin and end with a letter or a digit");
}

interface Paths {
  readonly module: string | undefined;
  readonly entry: string | undefined;
  readonly sources: readonly string[];
}

function pathsOf(file: Place, language: Language): Result<Paths> {
  const module = path(file.get("module"));
  if (!module.ok) return module;
  if (module.value?.endsWith(".wasm") === false) return file.at("module").wrong("must end in .wasm");
  const entry = path(file.get("entry"));
  if (!entry.ok) return entry;
  if (entry.value !== undefined && FACTS[language].entries.length === 0)
    return file.at("entry").wrong(`is not for ${FACTS[language].title}, which compiles all its sources; remove it`);
  const sources = list(file.get("sources"), MAX_SOURCES, "globs", path);
  return sources.ok ? ok({ module: module.value, entry: entry.value, sources: sources.value ?? FACTS[language].sources }) : sources;
}

/** What a list holds, one or more; `undefined` where there is none. */
function list(
  place: Place | undefined,
  most: number,
  what: string,
  read: (item: Place) => Result<string | undefined>,
): Result<readonly string[] | undefined> {
  if (place === undefined) return ok(undefined);
  const items = place.items();
  if (items.length === 0 || items.length > most) return place.wrong(`must be a list of 1 to ${most} ${what}`);
  const texts: string[] = [];
  for (const item of items) {
    const text = read(item);
    if (!text.ok) return text;
    if (text.value !== undefined) texts.push(text.value);
  }
  return ok(texts);
}

/** A path below the project's folder, with `/`. */
function path(place: Place | undefined): Result<string | undefined> {
  const given = text(place);
  if (!given.ok || given.value === undefined || place === undefined) return given;
  const clean = normalize(given.value);
  if (isAbsolute(clean) || clean === "." || clean.split("/").includes("..")) return place.wrong("must be a path inside the project");
  return ok(clean);
}

function textsOf(file: Place): Result<Pick<Project, "rootId" | "image">> {
  const rootId = file.get("rootId");
  const root = rootId?.value === "" ? ok("") : text(rootId);
  if (!root.ok) return root;
  const image = text(file.get("image"));
  return image.ok ? ok({ rootId: root.value ?? "", image: image.value }) : image;
}

function text(place: Place | undefined): Result<string | undefined> {
  if (place === undefined) return ok(undefined);
  const { value } = place;
  // A NUL ends a path in the kernel, and a line break ends a line of a message.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (typeof value === "string" && value !== "" && value.length <= MAX_TEXT && !/[\u0000-\u001f\u007f]/.test(value)) return ok(value);
  return place.wrong(`must be a text of one line, of at most ${MAX_TEXT} characters`);
}

function flag(file: Place, key: "keepNames"): Result<boolean> {
  const place = file.get(key);
  if (place === undefined) return ok(false);
  const { value } = place;
  return typeof value === "boolean" ? ok(value) : place.wrong("must be true or false");
}

function choice<T extends string>(file: Place, key: string, choices: readonly T[]): Result<T | undefined> {
  const place = file.get(key);
  if (place === undefined) return ok(undefined);
  const { value } = place;
  const chosen = choices.find((one) => one === value);
  if (chosen !== undefined) return ok(chosen);
  const near = typeof value === "string" ? closest(value, choices) : undefined;
  return place.wrong(`must be one of ${choices.join(", ")}${near === undefined ? "" : `; did you mean ${near}`}`);
}

/** As `spec.config` of a WasmFilter: a text as it is, anything else as JSON. */
export function configText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : printExactJson(value);
}
