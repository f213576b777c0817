/** Whole manifests, for what kubectl makes of them: how documents begin and end, line breaks, characters. NAME is the object's, or how its objects' begin. */

const start = (name: string) =>
  `apiVersion: weir.dev/v1alpha1\nkind: WasmFilter\nmetadata:\n  name: ${name}\nspec:\n  image: a/b:1\n  config:`;
/** A manifest with this value of `spec.config.a`. */
export const withValue = (value: string): string => `${start("NAME")}\n    a: ${value}\n`;
const nth = (number: number): string => `${start(`NAME-${number}`)} ${number}\n`;
const [one, two] = [nth(1), nth(2)];
const json = (config: string) =>
  `{"apiVersion":"weir.dev/v1alpha1","kind":"WasmFilter","metadata":{"name":"NAME"},"spec":{"image":"a/b:1","config":${config}}}`;

const DOCUMENTS = [
  ...[
    "---\n",
    "--- # c\n",
    "---  \n",
    "---\t\n",
    "...\n---\n",
    "--- a\n",
    "---a\n",
    "---\n# c\n---\n",
    "---\nnull\n---\n",
    "---\n---\n",
    "---\n%x\n---\n",
  ].map((between) => one + between + two),
  ...[
    "---\n",
    "---\n---\n",
    "--- ",
    "--- {a: 1}\n---\n",
    "# c\n---\n# d\n",
    "\n\n",
    "\t\n",
    "\ufeff",
    "\ufeff---\n",
    "\ufeff# c\n",
    "%YAML 1.1\n---\n",
  ].map((before) => before + one),
  ...["%YAML 1.2\n---\n", "%TAG ! tag:x,2000:\n---\n", "%x\n---\n", "{}\n---\n", "[\n"].map((before) => before + one),
  ...["---\n", "---", "...\n", "# c\n---\n# d\n", "# %\n%x\n", " \n # c\n", "b: ---\n", "status: {a: yes}\n", "---\n~\n", "---\n{}\n"].map(
    (after) => one + after,
  ),
  ...[
    "'\n---\n'",
    "|\n---\n",
    "\n  - a\n  - b",
    "\n   a: b\n  rootId: x",
    ">-\n    a\n    b\n  # c\n  rootId: x",
    "!!binary |\n    aGVsbG8=\n",
    '"a"   \n',
  ].map((config) => `${start("NAME")} ${config}\n`),
  ...[
    "",
    "# c\n",
    "null\n",
    "a: 1\n",
    "[]\n",
    "x\n",
    ` ${one.replace(/\n(?=.)/g, "\n ")}`,
    one.replace("config:", "config :"),
    one.replace("config:", "'config':"),
  ],
  ...[one.replace("config:", '"conf\\x69g":'), one.replace("config:", "? config\n  :"), one.replace("spec:", "spec: # c\n  # d")],
];

const TABS = [
  "1\n\t\n    b: 2",
  "1\n    \t\n    b: 2",
  "1\n\t# c\n    b: 2",
  "1\t\n    b: 2",
  "1 \t# c\n    b: 2",
  "x\n\t  y",
  "x\n      \ty",
  "x\n  \ty",
  "x\n\n\t\n      y",
];
const MORE_TABS = [
  "\n    - \tb",
  "\n    -  b\t",
  "\n      ? a\t\n      : b",
  "|\n      a\n\t\n      b\n",
  "|\n      a\n  \t\n      b\n",
  "|\n      a\n      \tb\n",
  "|\n\n\t\n      a\n",
];
const STILL_TABS = [
  ">\n      a\n\tb\n",
  "|2\n        a\n       \tb\n",
  "|2\n      \ta\n",
  "|\t\n      a\n",
  "|\t# c\n      a\n",
  "!!str\tx",
  "&a\tx",
  "x\t:y",
  "x:\ty",
  "[\ta]",
  "{\n\tb: 1}",
];

/** As Windows and old systems write them. */
const BREAKS = [
  ...[
    one,
    `${one}---\n${two}`,
    ...["|\n      a\n      b\n", '"a\n      b"', '"a\\\n      b"', ">\n      a\n\n      c", "x\n      y", "'x\n\n      y'"].map(withValue),
  ].map((text) => text.replaceAll("\n", "\r\n")),
  one.replaceAll("\n", "\r"),
  ...["\r", "\u0085"].flatMap((mark) =>
    [`x${mark}y`, `"x${mark}      y"`, `1${mark}    b: 2`, `|\n      a${mark}      b\n`, `a # c${mark}    b: 2`].map(withValue),
  ),
  ...["x\u2028y", "x\u2029y", "# \u2028x", "|\n      a\u2028b\n"].map(withValue),
];

const CHARACTERS = [
  ...[
    "\0",
    "\x01",
    "\b",
    "\v",
    "\f",
    "\x1b",
    "\x7f",
    "\x80",
    "\x84",
    "\x9f",
    "\xa0",
    "\ufffe",
    "\uffff",
    "\ufffd",
    "\ue000",
    "\u{1ffff}",
    "\u{10ffff}",
    "\ufeff",
  ].flatMap((character) => [`x${character}y`, `"x${character}y"`, `1 # ${character}`].map(withValue)),
  ...String.raw`\/ \N \_ \L \P \e \0 \a \b \t \n \v \f \r \" \\ \x41 \u00e9 \U0001F600 \q \ud83d \\ud83d \\\ud83d \U0000D83D \u00 \x4 \u0000`
    .split(" ")
    .map((written) => withValue(`"${written}"`)),
];

/** Texts that begin with a brace may be JSON. */
const JSON_TEXTS = [
  ...[
    '{"a":[1,"yes",1.5,1e300]}',
    '{"a":1e400}',
    '{"a":"\\ud83d\\ude00","b":"\\/"}',
    '{"a":9007199254740993,"b":123456789012345678901234567890}',
  ].map(json),
  ...['{"a":1.0,"b":-0.0,"c":1E5,"d":-0}', '{\n\t"a":1\n}', "yes", '"\u2028"', '{"a":1,}', "[1 2]", "{'a':1}", '{"a":1} # c', "1e5"].map(
    json,
  ),
  "{apiVersion: weir.dev/v1alpha1, kind: WasmFilter, metadata: {name: NAME}, spec: {image: 'a/b:1', config: yes}}",
];

export const YAML_TEXTS: readonly string[] = [
  ...new Set([...DOCUMENTS, ...[...TABS, ...MORE_TABS, ...STILL_TABS].map(withValue), ...BREAKS, ...CHARACTERS, ...JSON_TEXTS]),
];

/** What kubectl takes and Weir refuses, with why: kubectl's meaning is nobody's. */
export const STRICTER: readonly (readonly [string, RegExp])[] = [
  [withValue("{b: 1, b: 2}"), /line 8, column 15: this map has the name already/],
  [withValue('{1: b, "1": c}'), /the name already/],
  [one.replace("config: 1", "config: 1\n  config: 2"), /line 8, column 3: this map has the name already/],
  [withValue("!!binary //8="), /line 8, column 17: !!binary holds bytes that are no UTF-8 text/],
  [withValue("[b:]"), /line 8: in brackets, a space stands between a name's colon/],
  [withValue("[?x]"), /in brackets, a text with a question mark/],
  [withValue("[-]"), /not YAML/],
  [withValue('"b"#c'), /not YAML: Comments must be separated/],
  [withValue("{a: 1,\n      b: 2 }# c"), /line 9, column \d+: not YAML: Comments must be separated/],
  [withValue("[a]#c"), /not YAML: Comments must be separated/],
  [withValue('"\\\'"'), /not YAML: Invalid escape/],
  [withValue('"x\n\ty"'), /a tab stands where YAML 1.1 takes spaces only/],
  [withValue('"x\ry"'), /not YAML/],
  [withValue('"x\u2028y"'), /line 8: U\+2028 and U\+2029 break lines/],
  [`${one}...\n${two}`, /line 9: after \.\.\. begins a document with ---/],
  [`${one}---\n\ufeff${two}`, /line 9/],
];
