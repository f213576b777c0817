import { type CreateNodeOptions, type DocumentOptions, type SchemaOptions, stringify, type ToStringOptions } from "yaml";
import { printExactJson } from "../../../model/exact-json.ts";
import { resolveScalar } from "./scalar.ts";
import { isPrinted, withEscapes } from "./yaml-one.ts";

type Options = DocumentOptions & SchemaOptions & CreateNodeOptions & ToStringOptions;

const OPTIONS: Options = {
  // Texts that kubectl would read as something else, such as a namespace named `on`, are quoted.
  compat: [
    {
      tag: "tag:weir.dev,2026:other",
      default: true,
      test: { test: (text: string) => text === "<<" || resolveScalar({ text, isPlain: true }).kind !== "str" } as RegExp,
      resolve: (text: string) => text,
    },
  ],
  // Long lines would be broken, and parts that are the same written as references to each other.
  lineWidth: 0,
  aliasDuplicateObjects: false,
};

/** An object as YAML that kubectl, as well as Weir, reads as this object. */
export function printYaml(object: unknown): string {
  const text = stringify(object, OPTIONS);
  return isPrinted(text) ? text : `${withEscapes(printExactJson(object))}\n`;
}
