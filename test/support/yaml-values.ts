/**
 * Values of YAML, as they stand after `a: ` in a map at indent 4: bools, whole numbers in all bases, floats, times, texts, blocks, tags, maps and lists, anchors.
 * Here ‖ parts them, ⏎ is a line break, ⇥ a tab, ⍽ a no-break space.
 */
const TABLE = String.raw`
y ‖ Y ‖ n ‖ N ‖ yes ‖ Yes ‖ YES ‖ no ‖ No ‖ NO ‖ on ‖ On ‖ ON ‖ off ‖ Off ‖ OFF ‖ true ‖ True ‖ TRUE ‖ false ‖ False ‖ FALSE ‖ yES ‖ tRUE ‖ oN
t ‖ f
~ ‖ null ‖ Null ‖ NULL ‖ nULL ‖ nil ‖ none ‖ # nothing
0 ‖ -0 ‖ +0 ‖ 1 ‖ +1 ‖ -1 ‖ 007 ‖ 0777 ‖ -0777 ‖ +0777 ‖ 08 ‖ 09 ‖ 0o17 ‖ 0O17 ‖ -0o17 ‖ 0x1F ‖ 0X1f ‖ -0x1F ‖ 0x ‖ 0xG ‖ 0b101 ‖ 0B101
-0b101 ‖ +0b101 ‖ 0b ‖ 0b2 ‖ 1_000 ‖ 1__0 ‖ _1 ‖ 1_ ‖ -1_0 ‖ +_1 ‖ 0x_1F ‖ 0_7 ‖ 0b1_0 ‖ - 1 ‖ 1 000 ‖ 1,000 ‖ 9007199254740991
9007199254740992 ‖ 9007199254740993 ‖ -9007199254740993 ‖ 9223372036854775807 ‖ 9223372036854775808 ‖ -9223372036854775808
-9223372036854775809 ‖ 18446744073709551615 ‖ 18446744073709551616 ‖ +18446744073709551615 ‖ 0x7FFFFFFFFFFFFFFF ‖ 0xFFFFFFFFFFFFFFFF
0x1FFFFFFFFFFFFFFFF ‖ 0777777777777777777777 ‖ 07777777777777777777777777 ‖ 0b111111111111111111111111111111111111111111111111111111111111111
0b11111111111111111111111111111111111111111111111111111111111111111
1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111
-9999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999999 ‖ 0x20000000000001
1.0 ‖ 1. ‖ .5 ‖ -.5 ‖ +.5 ‖ . ‖ .. ‖ - ‖ + ‖ +-1 ‖ 1.5 ‖ 0.1 ‖ -0.0 ‖ 1e3 ‖ 1E3 ‖ 1e+3 ‖ 1e-3 ‖ 1e ‖ 1e-7 ‖ 1e21 ‖ 1e20 ‖ 1.e5
123456789.123456789123456789 ‖ 1e300 ‖ 1e308 ‖ 1.7976931348623157e308 ‖ 1e309 ‖ 1e400 ‖ -1e400 ‖ .1e400 ‖ 1e-400 ‖ 5e-324 ‖ 1_0.5 ‖ .5_0 ‖ .5e3
1e1_0 ‖ 0x1p3 ‖ 1.2.3 ‖ 1e3.5 ‖ 0.30000000000000004 ‖ 9007199254740993.0 ‖ 9.007199254740993e15 ‖ 1e18 ‖ 1e19 ‖ .inf ‖ .Inf ‖ .INF ‖ +.inf
-.inf ‖ -.INF ‖ .iNF ‖ inf ‖ Infinity ‖ -Infinity ‖ .nan ‖ .NaN ‖ .NAN ‖ NaN ‖ nan ‖ +.nan
1:30 ‖ 190:20:30 ‖ 190:20:30.15 ‖ -1:30 ‖ 12:00 ‖ 2001-01-01 ‖ 2001-1-1 ‖ 2001-12-14t21:59:43.10-05:00 ‖ 2001-12-14 21:59:43.10 -5
2001-12-15T02:59:43.1Z ‖ 2001-12-15 2:59:43.10 ‖ 2001-13-01 ‖ 20010101 ‖ 2001-01
a ‖ = ‖ << ‖ a b ‖ a  b ‖ a#b ‖ a #b ‖ a:b ‖ a,b ‖ a[b ‖ [a ‖ * ‖ & ‖ ! ‖ %x ‖ @x ‖ ?x ‖ -x ‖ :x ‖ |x ‖ >x ‖ {x ‖ x} ‖ ö ‖ 日本 ‖ 😀 ‖ 👨‍👩
a⇥b ‖ ⇥a ‖ a⇥ ‖ ⍽ ‖ x­x ‖ http://a.b/c ‖ C:\x ‖ a'b ‖ a"b ‖ a\nb ‖ --- ‖ a --- ‖ ... ‖ 'yes' ‖ "yes" ‖ '0777' ‖ "1e400" ‖ '' ‖ "" ‖ 'it''s'
"\x41\u00e9\U0001F600" ‖ "\N\_\L\P\e\0\a\b\t\n\v\f\r\"\/\\\ " ‖ "\q" ‖ "\ud83d\ude00" ‖ "\uD800" ‖ "\U00110000" ‖ "\x4" ‖ "a\⏎      b"
"a⏎      b" ‖ "a⏎⏎      b" ‖ 'a⏎⏎      b' ‖ a⏎      b ‖ a⏎⏎      b ‖ a⏎    b: c ‖ "a" b ‖ 'a'b ‖ "a ‖ 'a ‖ "a" #b ‖ "a: b" ‖ a: b ‖ - a
? a
|⏎      a⏎      b⏎ ‖ >⏎      a⏎      b⏎ ‖ |-⏎      a⏎⏎ ‖ |+⏎      a⏎⏎ ‖ >-⏎      a⏎⏎      b⏎ ‖ |2⏎        a⏎ ‖ |1⏎      a⏎ ‖ |⏎      a⏎     b⏎
|⏎      yes⏎ ‖ >⏎      a⏎       b⏎      c⏎ ‖ | # c⏎      a⏎ ‖ |x⏎      a⏎ ‖ |+2⏎      a⏎ ‖ |0⏎      a⏎ ‖ |⏎ ‖ |⏎       a⏎      b⏎
>+⏎⏎      a⏎⏎⏎ ‖ |⏎      ⇥a⏎ ‖ >⏎⏎⏎      a⏎      - b⏎ ‖ |⏎      # a⏎ ‖ |⏎      ---⏎ ‖ |-⏎      a⏎      ⏎
!!str 5 ‖ !!str "5" ‖ !!str yes ‖ !!str ~ ‖ !!str 1.5 ‖ !!str  ‖ !!str x ‖ !!str 2001-01-01 ‖ !!int 5 ‖ !!int "5" ‖ !!int yes ‖ !!int ~
!!int 1.5 ‖ !!int  ‖ !!int x ‖ !!int 2001-01-01 ‖ !!float 5 ‖ !!float "5" ‖ !!float yes ‖ !!float ~ ‖ !!float 1.5 ‖ !!float  ‖ !!float x
!!float 2001-01-01 ‖ !!bool 5 ‖ !!bool "5" ‖ !!bool yes ‖ !!bool ~ ‖ !!bool 1.5 ‖ !!bool  ‖ !!bool x ‖ !!bool 2001-01-01 ‖ !!null 5
!!null "5" ‖ !!null yes ‖ !!null ~ ‖ !!null 1.5 ‖ !!null  ‖ !!null x ‖ !!null 2001-01-01 ‖ !!timestamp 5 ‖ !!timestamp "5" ‖ !!timestamp yes
!!timestamp ~ ‖ !!timestamp 1.5 ‖ !!timestamp  ‖ !!timestamp x ‖ !!timestamp 2001-01-01 ‖ !!binary 5 ‖ !!binary "5" ‖ !!binary yes ‖ !!binary ~
!!binary 1.5 ‖ !!binary  ‖ !!binary x ‖ !!binary 2001-01-01 ‖ !mine 5 ‖ !mine "5" ‖ !mine yes ‖ !mine ~ ‖ !mine 1.5 ‖ !mine  ‖ !mine x
!mine 2001-01-01 ‖ !!float 9007199254740993 ‖ !!float 18446744073709551615 ‖ !!float 1e400 ‖ !!float .inf ‖ !!int 0777 ‖ !!int 1_000
!!str 1_000 ‖ !!str |⏎      a⏎ ‖ !!binary aGVsbG8= ‖ !!binary |⏎      aGVs⏎      bG8=⏎ ‖ !!binary aGVsbG8 ‖ !!binary ""
!!timestamp 2001-02-30 ‖ !!timestamp 2001-12-15T02:59:43.1Z ‖ !!timestamp 2001-12-14 21:59:43.10 ‖ !!timestamp "2001-01-01" ‖ ! 5
!<tag:yaml.org,2002:int> '5' ‖ !<tag:yaml.org,2002:str> 5 ‖ !e!x 5 ‖ !!map {b: 1} ‖ !!seq [1] ‖ !!set {b, c} ‖ !!omap [b: 1] ‖ !!pairs [b: 1]
!!map [1] ‖ !!seq {b: 1} ‖ !!map x ‖ !!str [1] ‖ !mine {b: yes} ‖ !!merge x
{} ‖ [] ‖ {b: 1} ‖ {b: yes, c: [no, 0777]} ‖ {b} ‖ {b, c: 1} ‖ {b: , c: } ‖ {b:1} ‖ {"b":1} ‖ {'b':1} ‖ {"b": 1} ‖ [a,] ‖ [,] ‖ {,} ‖ [a, , b]
[a: b] ‖ [? a : b] ‖ {? a : b} ‖ {: b} ‖ [[a], [b]] ‖ {b: {c: {d: e}}} ‖ [a⏎    ] ‖ {b: 1⏎    } ‖ {b: 1,⏎    c: 2} ‖ {b: 1,⏎c: 2}
[a,⏎⏎      b] ‖ [a #x⏎      , b] ‖ [a, b ‖ {b: 1 ‖ [a]] ‖ [a] b ‖ {b: 1} #c ‖ [-1, - 1] ‖ [a:b] ‖ [a: , b] ‖ {a: b: c} ‖ [:x]
{b: 'x', "c": |⏎ x} ‖ [*b] ‖ [&x 1, *x] ‖ {1: b} ‖ {yes: b} ‖ {~: b} ‖ {1.5: b} ‖ {0.1: b} ‖ {1e3: b} ‖ {1e6: b} ‖ {123456789.5: b} ‖ {1e-7: b}
{.inf: b} ‖ {.nan: b} ‖ {0x10: b} ‖ {0777: b} ‖ {9007199254740993: b} ‖ {18446744073709551615: b} ‖ {1e19: b} ‖ {2001-01-01: b} ‖ {!!str 1: b}
{!!int '1': b} ‖ {'1': b} ‖ {? [a] : b} ‖ {? {a: 1} : b} ‖ {__proto__: 1} ‖ {constructor: {prototype: 1}} ‖ {'': 1} ‖ {a b: 1} ‖ {-0.0: b}
{1e40: b} ‖ {? : b} ‖ {!!binary aGVsbG8=: b} ‖ {=: b} ‖ {1.0: b} ‖ {-1.5e-5: b} ‖ ⏎    - b⏎    - c ‖ ⏎      - b⏎      - c
⏎      b: 1⏎      c: 2 ‖ ⏎      - b: 1⏎        c: 2⏎      - - d ‖ ⏎      ? b⏎      : c ‖ ⏎      ? - b⏎      : c ‖ ⏎      b: 1⏎       c: 2
⏎      b: 1⏎     c: 2 ‖ ⏎      -b⏎      -c ‖ ⏎      - b⏎     - c ‖ ⏎      b:⏎      c: ‖ ⏎⇥b: 1 ‖ ⏎      b:⇥1 ‖ ⏎      b: 1⇥# c ‖ ⏎      ⇥b: 1
⏎      "b": 1 ‖ ⏎      'b' : 1 ‖ ⏎      b :1 ‖ ⏎      b : 1 ‖ ⏎      *x : 1 ‖ ⏎      b: - c ‖ ⏎      - b: 1⏎       c: 2 ‖ ⏎      !!str b: 1
⏎      &k b: *k ‖ ⏎      # c⏎      b: 1⏎      # d ‖ ⏎      b: 1 # c ‖ ⏎      b: # c⏎        1 ‖ ⏎      b:⏎        - 1⏎       # c⏎        - 2
⏎      b: |⏎       x⏎      # c⏎      c: 1 ‖ ⏎      - ⏎        b: 1 ‖ ⏎      -⏎      - b ‖ ⏎      - # c⏎        b ‖ ⏎      -⇥b
⏎      ?⇥b⏎      :⇥c ‖ ⏎      "b⏎       c": 1 ‖ ⏎      b⏎       c: 1 ‖ ⏎      [b]: 1
&x 1 ‖ &x ‖ &x {b: 1} ‖ *x ‖ [&x 1, &x 2, *x] ‖ [&x [1], *x, *x] ‖ [&x {b: &y 1}, &y 2, *x, *y] ‖ &x [*x] ‖ &x {b: *x} ‖ &x !!str 1
!!str &x 1 ‖ [&x yes, *x] ‖ {b: &x {c: 1}, d: {<<: *x}} ‖ {b: &x {c: 1}, d: {<<: *x, c: 2}} ‖ {b: &x {c: 1}, d: {c: 2, <<: *x}}
{b: &x {c: 1}, e: &y {c: 3, f: 4}, d: {<<: [*x, *y]}} ‖ {b: &x {c: 1}, d: {<<: *x, <<: {g: 1}}} ‖ {<<: {c: 1}} ‖ {<<: [{c: 1}, {c: 2, d: 3}]}
{<<: 1} ‖ {<<: [1]} ‖ {<<: } ‖ {<<: []} ‖ {'<<': {c: 1}} ‖ {!!merge <<: {c: 1}} ‖ {b: &x [1], d: {<<: *x}} ‖ {!!str <<: {c: 1}}
{b: &x {1: c}, d: {<<: *x}} ‖ {b: &x {<<: {c: 1}, d: 2}, e: {<<: *x}} ‖ {b: &x yes, *x : 1} ‖ [&a-b.c/d 1, *a-b.c/d] ‖ [&ä 1, *ä]
[&x 1, *x, &y *x] ‖ *x y ‖ &x &y 1 ‖ [&x {? a}, *x]
`;

const LONG = "k".repeat(1_030);
/** Too long for the table. */
const OTHERS = [
  ...[
    "1".repeat(400),
    "`x`",
    `{${LONG}: 1}`,
    `\n      ${"k".repeat(1_020)}: 1`,
    `\n      ${LONG}: 1`,
    `\n      "${LONG}": 1`,
    `\n      ? ${LONG}\n      : 1`,
  ],
];

/** Each value once. */
export const YAML_VALUES: readonly string[] = [
  ...new Set([
    ...TABLE.slice(1, -1)
      .split(/‖|\n/)
      .map((value) => value.trim().replaceAll("⏎", "\n").replaceAll("⇥", "\t").replaceAll("⍽", "\u00a0")),
    ...OTHERS,
  ]),
];
