import { pathRegex } from "./path-regex.ts";

/** How a path is compared: with one of these. */
export interface PathMatch {
  readonly prefix?: string;
  readonly exact?: string;
  /** RE2 that covers the whole path. */
  readonly regex?: string;
}

/** How a header of the request is compared: with one of these. Values of several headers of one name are joined by commas before. */
export interface HeaderMatch {
  /** In lower case. */
  readonly name: string;
  readonly exact?: string;
  readonly prefix?: string;
  /** True: it must be there, with any value; false: it must not. */
  readonly present?: boolean;
}

/** A kind of request. All of what is set must hold. */
export interface RequestMatch {
  /** Without the query. */
  readonly path?: PathMatch;
  /** Without the port, in any case. */
  readonly host?: string;
  readonly method?: string;
  readonly headers?: readonly HeaderMatch[];
}

/** True for a list of kinds of requests. What is read from a disk or a cluster may have any shape. */
export function areMatches(value: unknown): value is readonly RequestMatch[] {
  return Array.isArray(value) && value.length > 0 && value.every(isMatch);
}

/** `path /api*, GET` or `host a.example`; the kinds are separated by ` or `. */
export function showMatches(matches: readonly RequestMatch[] | undefined): string {
  return matches === undefined ? "every request" : matches.map(showMatch).join(" or ");
}

function showMatch({ path, host, method, headers = [] }: RequestMatch): string {
  const parts = [
    ...(method === undefined ? [] : [method]),
    ...(host === undefined ? [] : [`host ${host}`]),
    ...(path === undefined ? [] : [showPath(path)]),
    ...headers.map(showHeader),
  ];
  return parts.join(", ");
}

function showPath({ prefix, exact, regex }: PathMatch): string {
  if (prefix !== undefined) return `path ${prefix}*`;
  return exact === undefined ? `path ~ ${regex}` : `path ${exact}`;
}

function showHeader({ name, exact, prefix, present }: HeaderMatch): string {
  if (exact !== undefined) return `${name}: ${exact}`;
  if (prefix !== undefined) return `${name}: ${prefix}*`;
  return present === false ? `no ${name}` : name;
}

type Shape = Readonly<Record<string, (value: unknown) => boolean>>;

const PATH: Shape = { prefix: isText, exact: isText, regex: (value) => isText(value) && pathRegex(value).ok };
const HEADER: Shape = { name: isText, exact: isText, prefix: isText, present: (value) => typeof value === "boolean" };
const MATCH: Shape = {
  path: (value) => hasShape(value, PATH) && Object.keys(value).length === 1,
  host: isText,
  method: isText,
  headers: (value) => Array.isArray(value) && value.every(isHeader),
};

function isMatch(value: unknown): boolean {
  return hasShape(value, MATCH) && Object.keys(value).length > 0;
}

function isHeader(value: unknown): boolean {
  return hasShape(value, HEADER) && isText(value.name) && Object.keys(value).length === 2;
}

function hasShape(value: unknown, shape: Shape): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([key, field]) => Object.hasOwn(shape, key) && shape[key]?.(field) === true);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
