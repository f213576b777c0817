import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, type TlsOptions } from "node:tls";
import { messageOf } from "../../base/error.ts";
import { pemCertificates } from "../../base/pem.ts";
import type { Authority } from "../../cluster/index.ts";
import { type Clock, systemClock } from "../../model/clock.ts";
import type { Log } from "../../model/log.ts";
import { fail, ok, type Result } from "../../model/result.ts";
import type { XdsServer } from "../../xds/index.ts";
import { watchFiles } from "./file-watch.ts";

/** Where the TLS material of the xDS port is: paths of PEM files. */
export interface TlsFiles {
  /** The server's certificate, and after it those between it and its authority. */
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates. Absent: clients need none. */
  readonly clientCa: string | undefined;
}

/** What the files hold, as Node's TLS takes it. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

/** Reads the files and proves that they can be served with. */
export async function readTlsFiles({ cert, key, clientCa }: TlsFiles): Promise<Result<TlsMaterial>> {
  const files = [
    ["--xds-tls-cert", cert],
    ["--xds-tls-key", key],
    ...(clientCa === undefined ? [] : [["--xds-client-ca", clientCa] as const]),
  ] as const;
  const texts: string[] = [];
  for (const [flag, path] of files) {
    try {
      texts.push(await readFile(path, "utf8"));
    } catch (error) {
      return unusable(flag, path, `cannot be read: ${messageOf(error)}`);
    }
  }
  const [certText = "", keyText = "", ca] = texts;
  const chain = certificates(certText);
  const [own] = chain;
  if (own === undefined) return unusable("--xds-tls-cert", cert, "holds no certificate; it must be PEM, with the server's own first");
  const privateKey = readKey(keyText);
  if (privateKey === undefined)
    return unusable("--xds-tls-key", key, "holds no private key that can be read; it must be PEM, without a passphrase");
  if (!own.checkPrivateKey(privateKey)) return unusable("--xds-tls-key", key, `is not the key of the certificate in ${cert}`);
  if (clientCa !== undefined && certificates(ca ?? "").length === 0) {
    return unusable("--xds-client-ca", clientCa, "holds no certificate; it must be PEM");
  }
  const material = { cert: certText, key: keyText, ...(ca === undefined ? {} : { ca }) };
  try {
    createSecureContext(material);
  } catch (error) {
    return unusable("--xds-tls-cert", cert, `cannot be served with: ${messageOf(error)}`);
  }
  return ok(material);
}

/** TLS of a server, as its files have it. */
export interface Tls {
  readonly options: TlsOptions;
  /** The certificate that is served now (PEM). */
  certificate(): string;
  /** Weir's own authority, where it made the certificate. */
  readonly authority?: Authority;
  /**
   * Gives the server what the files hold, each time that changes, until the returned function is called. Files that cannot be used are
   * logged once, and what was read before stays in use.
   */
  watch(server: Pick<XdsServer, "setSecureContext">, log: Log, clock?: Clock): () => void;
}

/** Reads the files of a server that is about to start; none: plaintext. */
export async function openTls(files: TlsFiles | undefined): Promise<Result<Tls | undefined>> {
  if (files === undefined) return ok(undefined);
  const first = await readTlsFiles(files);
  if (!first.ok) return first;
  const demand = files.clientCa !== undefined;
  let current = first.value;
  return ok({
    certificate: () => current.cert,
    // A client is told over gRPC what is wrong with its certificate: Envoy shows a refused handshake as a failed connection only.
    options: { ...first.value, requestCert: demand, rejectUnauthorized: false },
    watch(server, log, clock = systemClock) {
      log.info("the xDS port speaks TLS", { expires: expiry(first.value), clientCertificates: demand });
      return watchFiles({
        ...{ current: first.value, clock, read: () => readTlsFiles(files), textOf: JSON.stringify },
        taken(material) {
          current = material;
          server.setSecureContext(material);
          log.info("the xDS port has new TLS files", { expires: expiry(material) });
        },
        refused: (error) => log.error("the new TLS files cannot be used; those before stay in use", { error }),
      });
    },
  });
}

/** When the server's certificate ends, for logs. */
function expiry({ cert }: TlsMaterial): string {
  return certificates(cert)[0]?.validToDate.toISOString() ?? "never";
}

function certificates(text: string): readonly X509Certificate[] {
  try {
    return pemCertificates(text).map((pem) => new X509Certificate(pem));
  } catch {
    return [];
  }
}

function readKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    return undefined;
  }
}

function unusable(flag: string, path: string, why: string): Result<never> {
  return fail("TlsFiles", `${flag} ${path} ${why}`);
}
