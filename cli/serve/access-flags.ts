import { TOKEN_AUDIENCE } from "../../model/identity.ts";
import { ok, type Result } from "../../model/result.ts";
import { type Address, parseAddress } from "../args/address.ts";
import type { Flag, FlagValues } from "../args/syntax.ts";
import { usage } from "../args/usage.ts";
import { checkExposure } from "./exposure.ts";
import type { OwnTls } from "./tls.ts";
import type { TlsFiles } from "./tls-files.ts";

/** Flags of `weir serve` that say who may connect and read, and how they prove who they are. */
export const accessFlags = {
  "xds-tls": {
    type: "string",
    help: "auto: serve proxies over TLS with an authority of Weir's own, in --key-store; demand certificates of `weir identity issue`",
    choices: ["auto"],
    env: "WEIR_XDS_TLS",
  },
  "xds-name": {
    type: "string",
    multiple: true,
    value: "NAME",
    help: "with --xds-tls auto: one more name or address by which proxies reach this server",
  },
  "xds-tls-cert": {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "serve proxies over TLS with this certificate (PEM, then its intermediates); read again when it changes",
    env: "WEIR_XDS_TLS_CERT",
  },
  "xds-tls-key": {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "the private key of --xds-tls-cert",
    env: "WEIR_XDS_TLS_KEY",
  },
  "xds-client-ca": {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "demand client certificates with a SPIFFE id, issued by one of these authorities (PEM)",
    env: "WEIR_XDS_CLIENT_CA",
  },
  "xds-trust-domain": {
    type: "string",
    value: "NAME",
    help: "take client certificates of this SPIFFE trust domain only (default: any that the authority signed)",
    env: "WEIR_XDS_TRUST_DOMAIN",
  },
  "token-auth-file": {
    type: "string",
    value: "FILE",
    completes: "file",
    help: "demand a token of this file (YAML) from proxies without a certificate and from readers; read again when it changes",
    env: "WEIR_TOKEN_AUTH_FILE",
  },
  "token-review": {
    type: "boolean",
    help: "take tokens of ServiceAccounts that are projected into pods, asked of the API server; the proxy is its pod, by name and labels",
    env: "WEIR_TOKEN_REVIEW",
  },
  "token-audience": {
    type: "string",
    value: "NAME",
    help: "with --token-review: the audience that those tokens must be made for",
    fallback: TOKEN_AUDIENCE,
    env: "WEIR_TOKEN_AUDIENCE",
  },
  "any-pod-address": {
    type: "boolean",
    help: "let a token come from another address than its pod's: something between them changes addresses (NAT, a mesh)",
    env: "WEIR_ANY_POD_ADDRESS",
  },
  "health-address": {
    type: "string",
    value: "HOST:PORT",
    help: "answer /healthz, /readyz and /metrics here too, and nothing else",
    env: "WEIR_HEALTH_ADDRESS",
  },
  "insecure-xds": {
    type: "boolean",
    help: "let --xds-address reach beyond this machine without TLS, or without asking proxies who they are",
  },
  "insecure-http": {
    type: "boolean",
    help: "let --http-address reach beyond this machine without asking readers who they are",
  },
} as const satisfies Record<string, Flag>;

/** Characters of an audience. */
const LONGEST_AUDIENCE = 253;

export interface Access {
  readonly tls: TlsFiles | OwnTls | undefined;
  readonly tokenFile: string | undefined;
  /** What tokens of ServiceAccounts must be made for; `undefined`: none is taken. */
  readonly tokenAudience: string | undefined;
  /** A proxy that proved its pod by a token must have an address of that pod. */
  readonly checksPodAddress: boolean;
  readonly trustDomain: string | undefined;
  readonly health: Address | undefined;
  /** What to say at the start: ports that others reach and that are not protected. */
  readonly warnings: readonly string[];
}

export function readAccess(values: FlagValues<typeof accessFlags>, xds: Address, http: Address): Result<Access> {
  const tls = tlsOf(values, xds);
  if (!tls.ok) return tls;
  const health = values["health-address"] === undefined ? ok(undefined) : parseAddress(values["health-address"], "--health-address");
  if (!health.ok) return health;
  const hasClientCa = tls.value !== undefined && ("names" in tls.value || tls.value.clientCa !== undefined);
  const tokenAudience = values["token-review"] ? values["token-audience"] : undefined;
  if ((tokenAudience?.length ?? 0) > LONGEST_AUDIENCE) return usage(`--token-audience has at most ${LONGEST_AUDIENCE} characters`);
  const {
    "token-auth-file": tokenFile,
    "any-pod-address": anyPodAddress,
    "xds-trust-domain": trustDomain,
    "insecure-xds": insecureXds,
    "insecure-http": insecureHttp,
  } = values;
  if (trustDomain !== undefined && !hasClientCa) return usage("--xds-trust-domain needs --xds-client-ca: it is about client certificates");
  const hasTokens = tokenFile !== undefined;
  const asksProxies = hasClientCa || hasTokens || tokenAudience !== undefined;
  const warnings = checkExposure({
    xds,
    http,
    hasTls: tls.value !== undefined,
    asksProxies,
    asksReaders: hasTokens,
    insecureXds,
    insecureHttp,
  });
  if (!warnings.ok) return warnings;
  const checksPodAddress = !anyPodAddress;
  return ok({ tls: tls.value, tokenFile, tokenAudience, checksPodAddress, trustDomain, health: health.value, warnings: warnings.value });
}

function tlsOf(values: FlagValues<typeof accessFlags>, xds: Address): Result<Access["tls"]> {
  const { "xds-tls": own, "xds-name": names, "xds-tls-cert": cert, "xds-tls-key": key, "xds-client-ca": clientCa } = values;
  if (own !== undefined) {
    if ((cert ?? key ?? clientCa) !== undefined)
      return usage("--xds-tls auto makes its own files; leave --xds-tls-cert, --xds-tls-key and --xds-client-ca out");
    return ok({ names: [xds.host, ...names] });
  }
  if (names.length > 0) return usage("--xds-name needs --xds-tls auto: it is for the certificate that Weir makes");
  if (cert !== undefined && key !== undefined) return ok({ cert, key, clientCa });
  if (cert !== undefined || key !== undefined)
    return usage("--xds-tls-cert and --xds-tls-key need each other; give both, or neither for plaintext");
  if (clientCa !== undefined) return usage("--xds-client-ca needs --xds-tls-cert and --xds-tls-key: client certificates exist in TLS only");
  return ok(undefined);
}
