import { count } from "../../base/text.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { Copied, ImageContent, InspectOptions, RegistryReference, RepositoryReader } from "../../oci/index.ts";
import { defineCommand } from "../args/command.ts";
import type { FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";
import { outputFlag } from "../fleet/flags.ts";
import { inScope } from "../local/scope.ts";
import { findLocal, noLocal, openLocal, parseLocalName } from "../local-images.ts";
import { mirrorFlag, readingAccess } from "../mirrors.ts";
import { registryAccess, registryFlags } from "../modules.ts";
import { printJson } from "../output.ts";
import type { Terminal } from "../terminal.ts";

const flags = {
  referrers: { type: "boolean", fallback: true, help: "leave behind what refers to the image: signatures, attestations, SBOMs" },
  ...registryFlags,
  mirror: mirrorFlag,
  ...outputFlag,
} as const;

/** What stands before the name of an image of this machine. */
const LOCAL = "local:";

export const copy = defineCommand({
  name: "copy",
  summary: "Copy an image with all its bits, and its signatures and SBOMs, to another place",
  about: `Between registries, folders and the images of this machine. Every manifest, index and blob stays as it is, so the digest does too, and signatures hold. An index is copied
    with all its platforms. What refers to the image goes along: referrers (OCI 1.1), and the tags that cosign writes (sha256-....sig, .att, .sbom). Blobs go through piece by piece; within
    one registry they are taken over without their bytes, where it can do that. --registry-ca, --allow-address and --plain-http are for both places, --mirror is for SRC; credentials are those of
    \`weir login\`, \`docker login\` and \`podman login\` for each.

    local:registry/repository:tag is an image of this machine. Those are single images: of an index the image with the module is kept, with what refers to that one.`,
  args: {
    source: { value: "SRC", completes: "image", help: "registry/repository:tag, ...@sha256:..., oci-layout:DIR:TAG, or local:NAME" },
    target: { value: "DST", completes: "image", help: "the same; with a digest it must be that of SRC, and no tag is written" },
  },
  flags,
  examples: [
    { does: "to another registry", command: "weir copy registry.example/filters/add-header:1.2 mirror.example/filters/add-header:1.2" },
    {
      does: "into a folder, for a machine without a network",
      command: "weir copy registry.example/filters/add-header:1.2 oci-layout:./images:1.2",
    },
  ],
  run: ({ flags, args }, terminal) =>
    inScope(async ({ signal }) => {
      const target = args.target.startsWith(LOCAL)
        ? await keep(args.source, args.target.slice(LOCAL.length), flags, terminal, signal)
        : await send(args.source, args.target, flags, terminal, signal);
      if (!target.ok) return target;
      if (flags.output === "json") printJson(target.value, terminal);
      else terminal.out(render(args.source, target.value));
      return ok(undefined);
    }),
});

type Values = FlagValues<typeof flags>;
type Done = Copied & { readonly reference: string };

interface Source {
  readonly repository: RepositoryReader;
  /** Tag or digest. */
  readonly wanted: string;
}

async function openSource(text: string, values: Values, terminal: Terminal): Promise<Result<Source>> {
  if (text.startsWith(LOCAL)) {
    const name = text.slice(LOCAL.length);
    const found = await findLocal(name, terminal.env);
    if (!found.ok) return found;
    if (found.value === undefined) return noLocal(name);
    const { images, reference, local } = found.value;
    return ok({ repository: images.repository(reference), wanted: local.digest });
  }
  const opened = await open(text, await readingAccess(text, values, terminal));
  if (!opened.ok) return opened;
  const { repository, reference } = opened.value;
  const { wantedOf } = await import("../../oci/index.ts");
  return ok({ repository, wanted: wantedOf(reference) });
}

async function open(text: string, access: Result<InspectOptions>) {
  if (!access.ok) return access;
  const { openReference } = await import("../../oci/index.ts");
  return openReference(text, access.value.keychain, access.value);
}

/** Into a registry or a folder. */
async function send(from: string, to: string, values: Values, terminal: Terminal, signal: AbortSignal): Promise<Result<Done>> {
  const source = await openSource(from, values, terminal);
  if (!source.ok) return source;
  const opened = await open(to, await registryAccess(to, values, terminal.env));
  if (!opened.ok) return opened;
  const { reference, repository } = opened.value;
  const { copyImage, formatReference } = await import("../../oci/index.ts");
  const checked = reference.digest === undefined ? ok(undefined) : await mustBe(source.value, reference.digest, to, signal);
  if (!checked.ok) return checked;
  const tags = reference.tag === undefined || reference.digest !== undefined ? [] : [reference.tag];
  const options = { referrers: values.referrers, signal };
  const copied = await copyImage(source.value.repository, source.value.wanted, repository, tags, options);
  return copied.ok ? ok({ reference: formatReference({ ...reference, digest: copied.value.digest }), ...copied.value }) : copied;
}

async function mustBe({ repository, wanted }: Source, digest: string, to: string, signal: AbortSignal): Promise<Result<void>> {
  const raw = await repository.manifest(wanted, signal);
  if (!raw.ok) return raw;
  if (raw.value.digest === digest) return ok(undefined);
  return fail("DigestMismatch", `SRC has the digest ${raw.value.digest}, and DST names another (${to}); nothing was copied`);
}

/** Among the images of this machine. */
async function keep(from: string, to: string, values: Values, terminal: Terminal, signal: AbortSignal): Promise<Result<Done>> {
  const name = await parseLocalName(to);
  if (!name.ok) return name;
  const source = await openSource(from, values, terminal);
  if (!source.ok) return source;
  if (from === `${LOCAL}${to}`) return usage("SRC and DST are the same image");
  const content = await readImage(source.value, signal);
  if (!content.ok) return content;
  const local = await openLocal(terminal.env);
  const kept = await local.put(name.value, content.value, signal);
  if (!kept.ok) return kept;
  const { copyReferrers } = await import("../../oci/index.ts");
  const { digest } = content.value.manifest;
  const along = values.referrers ? await copyReferrers(source.value.repository, digest, local.open(name.value), signal) : ok(0);
  return along.ok ? ok(await keptOf(name.value, content.value, along.value)) : along;
}

async function keptOf(name: RegistryReference, { manifest: { digest }, blobs }: ImageContent, referrers: number): Promise<Done> {
  const { formatReference } = await import("../../oci/index.ts");
  const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
  const reference = formatReference({ ...name, kind: "local", digest });
  return { reference, digest, documents: 1, referrers, blobs: { sent: blobs.length, mounted: 0, there: 0 }, bytes };
}

/** The image with the module. */
async function readImage({ repository, wanted }: Source, signal: AbortSignal): Promise<Result<ImageContent>> {
  const { findImage, readContent } = await import("../../oci/index.ts");
  const image = await findImage(repository, wanted, signal);
  return image.ok ? readContent(repository, image.value.manifest, signal) : image;
}

function render(from: string, { reference, digest, documents, referrers, blobs, bytes }: Done): string {
  const how = `${blobs.sent} sent (${bytes} bytes), ${blobs.mounted} taken over, ${blobs.there} there already`;
  return `copied ${from} to ${reference}\n  digest  ${digest}\n  has     ${count(documents, "manifest")}, ${count(referrers, "referrer")}\n  blobs   ${how}\n`;
}
