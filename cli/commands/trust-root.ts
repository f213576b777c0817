import { writeFileAtomically } from "../../base/atomic-file.ts";
import { messageOf } from "../../base/error.ts";
import { digestOf } from "../../model/digest.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import { defineCommand } from "../args/command.ts";
import { usage } from "../args/usage.ts";
import { openFetch, registryFlags } from "../modules.ts";
import { readFile } from "../read-file.ts";

/** The public sigstore's repository; its root comes with Weir. */
const PUBLIC_MIRROR = "https://tuf-repo-cdn.sigstore.dev";

/** `weir trust-root fetch`: what `--trust-root` and `trustRoot` of a keyless signature take. */
export const trustRootFetch = defineCommand({
  name: "trust-root fetch",
  summary: "Fetch sigstore's trust root, by which identities are verified",
  about: `Reads trusted_root.json from a TUF repository and checks all that leads to it: signatures, versions, hashes, expiry. It begins with the root.json of the public sigstore that this version of Weir came
    with, or with --root. Nothing else of Weir fetches a trust root: what verifies takes the file, and needs no network.`,
  args: {},
  flags: {
    out: { type: "string", short: "o", required: true, value: "FILE", completes: "file", help: "where to write it" },
    mirror: { type: "string", value: "URL", help: "where the repository is, or a copy of it", fallback: PUBLIC_MIRROR },
    root: {
      type: "string",
      value: "FILE",
      completes: "file",
      help: "the root.json to begin with, of another repository than the public one",
    },
    "allow-address": registryFlags["allow-address"],
    "registry-ca": registryFlags["registry-ca"],
  },
  examples: [
    { does: "the public one", command: "weir trust-root fetch -o trusted_root.json" },
    {
      does: "that of a sigstore of one's own",
      command: "weir trust-root fetch --mirror https://tuf.example --root root.json -o trusted_root.json",
    },
  ],
  async run({ flags }, terminal) {
    const { out, mirror } = flags;
    if (!isRepository(mirror)) return usage(`--mirror is an address as ${PUBLIC_MIRROR}, without a user, a query or a fragment`);
    const root = await readRoot(flags.root);
    if (!root.ok) return root;
    const fetch = await openFetch(flags, { loopback: true, env: terminal.env });
    if (!fetch.ok) return fetch;
    const { fetchTrustRoot } = await import("../../oci/index.ts");
    const fetched = await fetchTrustRoot({ mirror, root: root.value, fetch: fetch.value });
    if (!fetched.ok) return fetched;
    try {
      await writeFileAtomically(out, fetched.value);
    } catch (error) {
      return fail("CannotWrite", `cannot write ${out}: ${messageOf(error)}`);
    }
    terminal.out(`fetched ${out}
  from    ${mirror}
  digest  ${digestOf(Buffer.from(fetched.value))}
  next    weir serve --trust-root ${out}
`);
    return ok(undefined);
  },
});

function isRepository(mirror: string): boolean {
  if (!URL.canParse(mirror)) return false;
  const { protocol, username, password, search, hash } = new URL(mirror);
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === "";
}

async function readRoot(path: string | undefined): Promise<Result<Uint8Array | undefined>> {
  if (path === undefined) return ok(undefined);
  const { MAX_ROOT_BYTES } = await import("../../oci/index.ts");
  const tooLarge = fail("TooLarge", `--root ${path} has more than ${MAX_ROOT_BYTES} bytes`);
  return readFile(path, { maxBytes: MAX_ROOT_BYTES, tooLarge, name: `--root ${path}` });
}
