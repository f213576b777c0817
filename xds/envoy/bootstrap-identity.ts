import { isIP } from "node:net";
import { dirname, join } from "node:path";
import { q } from "./yaml-scalar.ts";

/** How a proxy proves who it is, and knows that its server is Weir: paths of files on the proxy's machine. */
export interface ProxyCredentials {
  readonly tls: ProxyTls | undefined;
  /** A file with a token and nothing else. */
  readonly tokenFile: string | undefined;
  /** Where the files of `sdsFiles` are. */
  readonly folder: string;
}

export interface ProxyTls {
  /** Authorities of the server's certificate. */
  readonly ca: string;
  /** The proxy's own certificate and its key; absent: a token proves who it is, or nothing does. */
  readonly own: { readonly cert: string; readonly key: string } | undefined;
  /** A name or an address that the server's certificate has. */
  readonly serverName: string;
}

const AUTHORITY = "weir-ca";
const CERTIFICATE = "weir-certificate";
const TOKEN = "weir-token";

const FILES = { [AUTHORITY]: "sds-ca.yaml", [CERTIFICATE]: "sds-certificate.yaml", [TOKEN]: "sds-token.yaml" } as const;
type Secret = keyof typeof FILES;

/**
 * Files beside the bootstrap, by name: each tells Envoy where one secret is. By them alone Envoy notices that a secret changed; it watches the secret's folder for
 * files and links that are moved there. https://www.envoyproxy.io/docs/envoy/latest/configuration/security/secret#key-rotation
 */
export function sdsFiles({ tls, tokenFile }: ProxyCredentials): Readonly<Record<string, string>> {
  const files: Record<string, string> = {};
  const add = (name: Secret, body: string) => {
    files[FILES[name]] = `resources:
- "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret
  name: ${name}
${body}`;
  };
  if (tls !== undefined)
    add(
      AUTHORITY,
      `  validation_context:
    trusted_ca: {filename: ${q(tls.ca)}}
    watched_directory: {path: ${q(dirname(tls.ca))}}
`,
    );
  if (tls?.own !== undefined)
    add(
      CERTIFICATE,
      `  tls_certificate:
    certificate_chain: {filename: ${q(tls.own.cert)}}
    private_key: {filename: ${q(tls.own.key)}}
    watched_directory: {path: ${q(dirname(tls.own.cert))}}
`,
    );
  if (tokenFile !== undefined)
    add(
      TOKEN,
      `  generic_secret:
    secret: {filename: ${q(tokenFile)}, watched_directory: {path: ${q(dirname(tokenFile))}}}
`,
    );
  return files;
}

/** TLS of the cluster that leads to Weir. 1.3 has to be named: Envoy's clients speak 1.2 by default. */
export function xdsTransport({ tls, folder }: ProxyCredentials): string {
  if (tls === undefined) return "";
  const own = tls.own === undefined ? "" : `          tls_certificate_sds_secret_configs: [${secret(CERTIFICATE, folder)}]\n`;
  const isAddress = isIP(tls.serverName) !== 0;
  return `    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
${isAddress ? "" : `        sni: ${q(tls.serverName)}\n`}        common_tls_context:
          tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}
          alpn_protocols: [h2]
${own}          combined_validation_context:
            default_validation_context:
              match_typed_subject_alt_names:
              - {san_type: ${isAddress ? "IP_ADDRESS" : "DNS"}, matcher: {exact: ${q(tls.serverName)}}}
            validation_context_sds_secret_config: ${secret(AUTHORITY, folder)}
`;
}

/** Puts the token on each call to Weir. https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/credential_injector_filter */
export function xdsHttpFilters({ tokenFile, folder }: ProxyCredentials): string {
  if (tokenFile === undefined) return "";
  return `        http_filters:   # Envoy 1.37 and newer; before, leave header_value_prefix out
        - name: envoy.filters.http.credential_injector
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector
            overwrite: true
            credential:
              name: envoy.http.injected_credentials.generic
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic
                credential: ${secret(TOKEN, folder)}
                header_value_prefix: "Bearer "
        - name: envoy.filters.http.upstream_codec
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec}
`;
}

/** The folder is watched too, so that a secret that was missing at the start is found when its file here is moved into place. */
function secret(name: Secret, folder: string): string {
  const source = `path_config_source: {path: ${q(join(folder, FILES[name]))}, watched_directory: {path: ${q(folder)}}}`;
  return `{name: ${name}, sds_config: {${source}, resource_api_version: V3}}`;
}
