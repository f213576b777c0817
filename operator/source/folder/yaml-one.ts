import { CST } from "yaml";
import { escapeUnit } from "../../../base/text.ts";

/**
 * What kubectl's reader, of YAML 1.1 (https://pkg.go.dev/go.yaml.in/yaml/v2, scannerc.go), refuses or understands otherwise than the library, of YAML 1.2: it is
 * refused here, so that no manifest has two meanings.
 */
export interface YamlOne {
  /** Takes the next piece that https://eemeli.org/yaml/#lexer gives. Says why it is refused. */
  add(lexeme: string): string | undefined;
}

/** Old line breaks that are none in YAML 1.2. */
const OLD_BREAKS = /\r\n?|\u0085/g;
/** What kubectl refuses wherever it stands: https://yaml.org/spec/1.1/#id868524. */
const [CONTROL, OTHER_BREAK] = [String.raw`[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]`, String.raw`[\u2028\u2029]`].map(
  (of) => new RegExp(of),
);
const UNPRINTED = /[\x7f-\x9f\u2028\u2029\ufffe\uffff]/g;
/** kubectl splits a text at such lines, whatever they stand in. */
const BAD_START = /^---(?![ \t]*(?:#|$))/m;

const LONGEST_KEY = 1024;
const NAME = /^[&*][0-9A-Za-z_-]+$/;
/** `\/`, and half of a pair of UTF-16, which is no character. */
const ESCAPE = /^\\(?:\/|u[dD][89a-fA-F]|U0000[dD][89a-fA-F])/;
const LONGEST_ESCAPE = 10;
const CLOSES_OR_PARTS = new Set([",", "]", "}"]);

/** The text with line breaks as kubectl reads them. */
export function withLineBreaks(text: string): string {
  return text.replace(OLD_BREAKS, "\n");
}

/** A text of quoted scalars, or JSON, with escapes for what kubectl would refuse or take for a line break. Elsewhere in it there must be no such characters. */
export function withEscapes(text: string): string {
  return text.replace(UNPRINTED, escapeUnit);
}

/** Whether it has none of those: a text of YAML may have others that are wrong. */
export function isPrinted(text: string): boolean {
  return withEscapes(text) === text && findBad(text) === undefined && !text.includes("\r");
}

/** What is wrong with a text wherever it stands, and where in it, in characters. */
export function findBad(text: string): { readonly at: number; readonly message: string } | undefined {
  const found = [
    { at: text.search(CONTROL as RegExp), message: "control characters are not allowed; write them as escapes in double quotes, as \\x1b" },
    {
      at: text.search(OTHER_BREAK as RegExp),
      message: "U+2028 and U+2029 break lines in YAML 1.1; write them as \\L and \\P in double quotes",
    },
    { at: text.search(BAD_START), message: "after --- stand spaces and a comment at most; begin what follows on the next line" },
  ];
  return found.filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at)[0];
}

export function createYamlOne(): YamlOne {
  return new Rules();
}

/** Where a name may begin that its colon must follow. */
interface Start {
  /** Characters since. */
  length: number;
  isExplicit: boolean;
  hasBreak: boolean;
}

class Rules implements YamlOne {
  private depth = 0;
  /** True where a name may begin. */
  private mayBegin = true;
  private isText = false;
  private isBlock = false;
  private before = "";
  /** The last piece was a text without quotes. */
  private afterPlain = false;
  /** A name without quotes and its colon, with nothing between them, were the last two pieces. */
  private afterColon = false;
  private start: Start = { length: 0, isExplicit: false, hasBreak: false };

  add(lexeme: string): string | undefined {
    if (this.isText) {
      this.isText = false;
      return this.text(lexeme);
    }
    if (lexeme === CST.SCALAR) {
      this.isText = true;
      return undefined;
    }
    const why = this.mark(lexeme);
    if (lexeme.trim() !== "") this.before = lexeme;
    return why;
  }

  private text(text: string): string | undefined {
    const { isBlock, depth, before } = this;
    this.isBlock = false;
    this.mayBegin = isBlock;
    this.afterPlain = !isBlock && text !== "";
    if (isBlock) return /\d/.test(before) ? undefined : tabBeforeText(text);
    this.grow(text);
    if (depth > 0 && (text.includes("?") || text.startsWith(":")))
      return "in brackets, a text with a question mark, or with a colon before it, stands in quotes";
    return undefined;
  }

  private mark(lexeme: string): string | undefined {
    const { depth, afterPlain, afterColon } = this;
    this.afterPlain = false;
    this.afterColon = false;
    if (lexeme.trim() === "") return this.space(lexeme);
    // `---` is no `-`.
    switch (lexeme.length === 1 || !"-?:".includes(lexeme.charAt(0)) ? lexeme.charAt(0) : "") {
      case "{":
      case "[":
        this.depth++;
        this.begin(false);
        return undefined;
      case "}":
      case "]":
      case ",":
        if (lexeme !== ",") this.depth--;
        this.begin(false);
        return afterColon && CLOSES_OR_PARTS.has(lexeme)
          ? "in brackets, a space stands between a name's colon and what closes or parts it"
          : undefined;
      case ":":
        this.afterColon = afterPlain && depth > 0;
        return this.colon();
      case "-":
      case "?":
        this.mayBegin = depth === 0;
        this.begin(lexeme === "?");
        return undefined;
      case "&":
      case "*":
        this.mayBegin = false;
        this.grow(lexeme);
        return NAME.test(lexeme) ? undefined : "the names of anchors and aliases have letters, digits, '-' and '_' only";
      case "|":
      case ">":
        this.isBlock = true;
        return undefined;
      case '"':
        this.mayBegin = false;
        this.grow(lexeme);
        return badEscape(lexeme)
          ? "JSON's escapes \\/ and \\ud83d are none in YAML; write the character, or \\U0001f600 with its eight digits"
          : undefined;
      default:
        this.mayBegin = this.mayBegin && lexeme.startsWith("#");
        this.grow(lexeme);
        return undefined;
    }
  }

  private space(space: string): string | undefined {
    const isTab = space.includes("\t") && this.mayBegin && this.depth === 0 && !this.isBlock;
    if (space.includes("\n")) this.mayBegin = this.depth === 0;
    if (space.includes("\n") && this.start.length > 0) this.start.hasBreak = true;
    return isTab ? "a tab stands where YAML 1.1 takes spaces only; write spaces" : undefined;
  }

  private colon(): string | undefined {
    const { length, isExplicit, hasBreak } = this.start;
    // Outside brackets the library holds to this itself.
    const isBad = this.depth > 0 && !isExplicit && length > 0 && (hasBreak || length > LONGEST_KEY);
    this.begin(false);
    return isBad ? `in brackets, a name and its colon stand on one line, with ${LONGEST_KEY} characters at most` : undefined;
  }

  private begin(isExplicit: boolean): void {
    this.start = { length: 0, isExplicit, hasBreak: false };
  }

  private grow(lexeme: string): void {
    this.start.length += lexeme.length;
    if (lexeme.includes("\n")) this.start.hasBreak = true;
  }
}

/** Whether a text in double quotes has an escape that YAML 1.1 has not. */
function badEscape(quoted: string): boolean {
  for (let at = quoted.indexOf("\\"); at >= 0; at = quoted.indexOf("\\", at + 2))
    if (ESCAPE.test(quoted.slice(at, at + LONGEST_ESCAPE))) return true;
  return false;
}

/** The indent of a block is that of its first line with a text; a tab is none. */
function tabBeforeText(block: string): string | undefined {
  const indent = /^(?: *\n)*( *)/.exec(block)?.[1]?.length ?? 0;
  const isFirst = /^(?: *\n)* *\t/.test(block);
  const isLater = indent > 0 && new RegExp(String.raw`\n {0,${indent - 1}}\t`).test(block);
  return isFirst || isLater ? "a block is indented by spaces only, without a tab" : undefined;
}
