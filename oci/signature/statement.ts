import { fieldsOf } from "../../base/json.ts";
import { membersOf } from "../../base/json-depth.ts";
import { clip, oneLine } from "../../base/text.ts";
import type { Digest } from "../../model/digest.ts";
import { ok, type Result } from "../../model/result.ts";
import type { AttestationDemand } from "../../model/verify.ts";
import { parseBounded } from "./document.ts";
import { type Fault, type FoundSignature, fault } from "./found.ts";

/** The statement that cosign signs in the place of a simple-signing payload: only that the image is signed. */
export const SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1";
export const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
export const ENVELOPE_TYPE = "application/vnd.in-toto+json";
const STATEMENT_TYPES: ReadonlySet<unknown> = new Set([STATEMENT_TYPE, "https://in-toto.io/Statement/v0.1"]);
const SIMPLE_SIGNING_TYPE = "cosign container image signature";
/** What may stand at the end of a type: `v1`, `v0.2`. */
const VERSION = /^v\d+(?:\.\d+)*$/;
/** Subjects of one statement that are looked at. */
const MAX_SUBJECTS = 1024;

/** What is read of a statement, which has no more members. */
const MEMBERS: ReadonlySet<string> = new Set(["_type", "subject", "predicateType", "predicate"]);
const MAX_MEMBERS = 64;

/** What a signature says, once its text is read. */
export interface Claim {
  /** `undefined`: that the image is signed, and no more. */
  readonly predicateType: string | undefined;
  readonly digests: readonly string[];
  /** As JSON; absent: it has none. Of an SBOM that may be megabytes, which nobody reads. */
  readonly predicate: string | undefined;
}

/** What a signature is about; `undefined`: that cannot be read. */
export function claimOf({ content }: Pick<FoundSignature, "content">): Claim | undefined {
  if (content.kind === "envelope" && content.payloadType !== ENVELOPE_TYPE) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(content.payload);
    return content.kind === "simpleSigning" ? simpleClaim(fieldsOf(parseBounded(text))) : statementClaim(text);
  } catch {
    return undefined;
  }
}

function simpleClaim({ critical }: Readonly<Record<string, unknown>>): Claim | undefined {
  const { type, image } = fieldsOf(critical);
  const digest = fieldsOf(image)["docker-manifest-digest"];
  // Anything else that the key signed is no word about an image.
  if (type !== SIMPLE_SIGNING_TYPE || typeof digest !== "string") return undefined;
  return { predicateType: undefined, digests: [digest], predicate: undefined };
}

/** Throws for what is no JSON. */
function statementClaim(json: string): Claim | undefined {
  const members = membersOf(json, MEMBERS, MAX_MEMBERS);
  if (members === undefined) return undefined;
  const [type, subject, predicateType] = ["_type", "subject", "predicateType"].map((name) => parseBounded(members.get(name) ?? "null"));
  if (!STATEMENT_TYPES.has(type) || typeof predicateType !== "string" || !Array.isArray(subject)) return undefined;
  const digests = subject.slice(0, MAX_SUBJECTS).map((each) => `sha256:${text(fieldsOf(fieldsOf(each).digest).sha256) ?? ""}`);
  return { predicateType: predicateType === SIGN_PREDICATE ? undefined : predicateType, digests, predicate: members.get("predicate") };
}

/** True for a claim of the kind that is demanded. A type may leave out the version at its end: `https://spdx.dev/Document` takes `…/v2.3` too. */
export function isOfKind({ predicateType }: Claim, demand: AttestationDemand | undefined): boolean {
  if (demand === undefined || predicateType === undefined) return demand === undefined && predicateType === undefined;
  if (predicateType === demand.predicateType) return true;
  // `/vuln/v1` is another type than `/v1`.
  return predicateType.startsWith(`${demand.predicateType}/`) && VERSION.test(predicateType.slice(demand.predicateType.length + 1));
}

/** Whether what was signed is about this digest and says what is demanded. */
export function checkClaim(claim: Claim, digest: Digest, demand: AttestationDemand | undefined): Result<void, Fault> {
  if (!claim.digests.includes(digest)) {
    return fault("DigestNotSigned", `what is signed is another digest, ${clip(oneLine(claim.digests[0] ?? "none"), 80)}`);
  }
  const { builder, source } = demand ?? {};
  if (builder === undefined && source === undefined) return ok(undefined);
  const built = provenanceOf(claim);
  if (built === undefined) return fault("SignatureUnreadable", "its provenance is none, or has more than one has");
  if (builder !== undefined) {
    const named = builderOf(built);
    if (named !== builder) return fault("ProvenanceMismatch", `it was built by ${shown(named)}, not by ${builder}`);
  }
  if (source !== undefined) {
    const named = sourceOf(built);
    if (named === undefined || repositoryOf(named) !== repositoryOf(source))
      return fault("ProvenanceMismatch", `it was built from ${shown(named)}, not from ${source}`);
  }
  return ok(undefined);
}

function provenanceOf({ predicate = "null" }: Claim): Readonly<Record<string, unknown>> | undefined {
  try {
    return fieldsOf(parseBounded(predicate));
  } catch {
    return undefined;
  }
}

/** https://slsa.dev/spec/v1.0/provenance#builder.id and https://slsa.dev/spec/v0.2/provenance */
function builderOf(predicate: Readonly<Record<string, unknown>>): string | undefined {
  const { id } = fieldsOf(fieldsOf(predicate.runDetails).builder);
  return text(id ?? fieldsOf(predicate.builder).id);
}

/** The repository that the builder says it was asked to build: of version 1 where GitHub and Google have it, of version 0.2 the source of the configuration. */
function sourceOf(predicate: Readonly<Record<string, unknown>>): string | undefined {
  const { workflow, source, configSource, sourceToBuild } = fieldsOf(fieldsOf(predicate.buildDefinition).externalParameters);
  const places = [
    fieldsOf(workflow).repository,
    source,
    fieldsOf(source).uri,
    fieldsOf(source).repository,
    fieldsOf(configSource).repository,
    fieldsOf(sourceToBuild).repository,
    fieldsOf(fieldsOf(predicate.invocation).configSource).uri,
  ];
  return places.map(text).find((place) => place !== undefined);
}

/** `git+https://h/a/b.git@refs/heads/main` and `https://h/a/b` are one repository. */
function repositoryOf(uri: string): string {
  const bare = uri.replace(/^git\+/, "").replace(/\/+$/, "");
  const at = bare.indexOf("@", bare.indexOf("://") + 3);
  const authority = bare.indexOf("/", bare.indexOf("://") + 3);
  return (at > authority && authority > 0 ? bare.slice(0, at) : bare).replace(/\.git$/, "");
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function shown(named: string | undefined): string {
  return named === undefined ? "what it does not say" : clip(oneLine(named), 200);
}
