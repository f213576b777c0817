import type { HeaderMatch, PathMatch, RequestMatch } from "../../model/match.ts";
import { pathRegex } from "../../model/path-regex.ts";
import { Matcher, type Matcher_MatcherList_Predicate as Predicate } from "../gen/xds/type/matcher/v3/matcher.ts";
import type { StringMatcher } from "../gen/xds/type/matcher/v3/string.ts";
import { field, type Rope } from "../protobuf/wire.ts";

/** The type of a filter that sees some requests only. https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/common/matching/v3/extension_matcher.proto */
export const MATCHED_TYPE = "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher";
const SKIP_TYPE = "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter";
const HEADER_TYPE = "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput";
/** ExtensionWithMatcher.extension_config, ExtensionWithMatcher.xds_matcher, HttpRequestHeaderMatchInput.header_name. */
const EXTENSION_CONFIG = 2;
const XDS_MATCHER = 3;
const HEADER_NAME = 1;
/** Any bytes at all: `.` does not match those that are no UTF-8. */
const ANYTHING = "\\C*";

/** A request is seen by a filter when it is of one of these kinds. */
export type Condition = { readonly kinds: readonly RequestMatch[] } | { readonly not: Condition } | { readonly all: readonly Condition[] };

/**
 * The encoded ExtensionWithMatcher: the filter sees a request where `condition` holds, and is skipped by any other. `filter`: its encoded TypedExtensionConfig.
 *
 * The rule is "skip what does not match", not "run what matches, else skip": a filter that is to run needs no action then.
 */
export function withMatcher(condition: Condition, filter: Rope): Rope {
  const skip = {
    onMatch: { $case: "action", action: { name: "skip", typedConfig: { typeUrl: SKIP_TYPE, value: Buffer.alloc(0) } } },
  } as const;
  const matcher = Matcher.encode({
    matcherType: { $case: "matcherList", matcherList: { matchers: [{ predicate: not(predicate(condition)), onMatch: skip }] } },
  }).finish();
  return [...field(EXTENSION_CONFIG, filter), ...field(XDS_MATCHER, [matcher])];
}

function predicate(condition: Condition): Predicate {
  if ("not" in condition) return not(predicate(condition.not));
  if ("all" in condition) return every(condition.all.map(predicate));
  return any(condition.kinds.map(kind));
}

function kind({ path, host, method, headers = [] }: RequestMatch): Predicate {
  return every([
    ...(path === undefined ? [] : [pathPredicate(path)]),
    ...(host === undefined ? [] : [hostPredicate(host)]),
    ...(method === undefined ? [] : [header(":method", exact(method))]),
    ...headers.map(headerPredicate),
  ]);
}

/** Envoy compares with the path and the query. No prefix, exact path or expression that gets here has a `?` in it. */
function pathPredicate({ prefix: start, exact: whole, regex: expression }: PathMatch): Predicate {
  if (start !== undefined) return header(":path", prefix(start));
  if (whole !== undefined) return any([header(":path", exact(whole)), header(":path", prefix(`${whole}?`))]);
  const read = pathRegex(expression ?? "");
  if (!read.ok) throw new Error(`the expression of a path was not checked: ${read.why}`);
  return header(":path", regex(`(?:${read.regex})(?:\\?${ANYTHING})?`));
}

/** With a port or without, with the dot at the end of a whole name or without, in any case: an app takes these for the same. */
function hostPredicate(host: string): Predicate {
  return any(
    [host, `${host}.`]
      .flatMap((name) => [exact(name), prefix(`${name}:`)])
      .map((value) => header(":authority", { ...value, ignoreCase: true })),
  );
}

function headerPredicate({ name, exact: whole, prefix: start, present }: HeaderMatch): Predicate {
  if (whole !== undefined) return header(name, exact(whole));
  if (start !== undefined) return header(name, prefix(start));
  const there = header(name, regex(ANYTHING));
  return present === false ? not(there) : there;
}

function header(name: string, valueMatch: StringMatcher): Predicate {
  const input = {
    name: "header",
    typedConfig: { typeUrl: HEADER_TYPE, value: Buffer.concat([...field(HEADER_NAME, [Buffer.from(name)])]) },
  };
  return { matchType: { $case: "singlePredicate", singlePredicate: { input, matcher: { $case: "valueMatch", valueMatch } } } };
}

function exact(value: string): StringMatcher {
  return { matchPattern: { $case: "exact", exact: value } };
}

function prefix(value: string): StringMatcher {
  return { matchPattern: { $case: "prefix", prefix: value } };
}

function regex(value: string): StringMatcher {
  return { matchPattern: { $case: "safeRegex", safeRegex: { engineType: { $case: "googleRe2", googleRe2: {} }, regex: value } } };
}

function not(inner: Predicate): Predicate {
  return { matchType: { $case: "notMatcher", notMatcher: inner } };
}

/** Envoy takes no list of fewer than two. */
function every(list: readonly Predicate[]): Predicate {
  return only(list) ?? { matchType: { $case: "andMatcher", andMatcher: { predicate: [...list] } } };
}

function any(list: readonly Predicate[]): Predicate {
  return only(list) ?? { matchType: { $case: "orMatcher", orMatcher: { predicate: [...list] } } };
}

function only(list: readonly Predicate[]): Predicate | undefined {
  return list.length === 1 ? list[0] : undefined;
}
