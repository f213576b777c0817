import type { LabelRequirement, LabelSelector } from "./filter.ts";
import { fail, ok, type Result } from "./result.ts";

const KEY = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
const VALUE = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)?$/;

/** Reads a selector as kubectl's -l takes it: `app=web,tier!=cache,team in (a, b),!old`. https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors */
export function parseLabelSelector(text: string): Result<LabelSelector> {
  const matchExpressions: LabelRequirement[] = [];
  // A comma in parentheses separates values.
  for (const part of text.split(/,(?![^(]*\))/)) {
    const requirement = readRequirement(part.trim());
    if (requirement === undefined)
      return fail("LabelSelector", `"${part.trim()}" is not a label selector such as app=web,tier!=cache,team in (a, b),!old`);
    matchExpressions.push(requirement);
  }
  return ok({ matchLabels: {}, matchExpressions });
}

function readRequirement(part: string): LabelRequirement | undefined {
  const [, isNot, bare = ""] = /^(!?)\s*(\S+)$/.exec(part) ?? [];
  if (KEY.test(bare)) return { key: bare, operator: isNot === "!" ? "DoesNotExist" : "Exists", values: [] };
  const [, setKey = "", word, list = ""] = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part) ?? [];
  if (word !== undefined)
    return checked(
      setKey,
      word === "in" ? "In" : "NotIn",
      list.split(",").map((value) => value.trim()),
    );
  const [, key = "", sign, value = ""] = /^([^\s=!]+)\s*(==?|!=)\s*(\S*)$/.exec(part) ?? [];
  return sign === undefined ? undefined : checked(key, sign === "!=" ? "NotIn" : "In", [value]);
}

function checked(key: string, operator: "In" | "NotIn", values: readonly string[]): LabelRequirement | undefined {
  return KEY.test(key) && values.every((value) => VALUE.test(value)) ? { key, operator, values } : undefined;
}
