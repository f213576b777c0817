import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { type Clock, systemClock } from "../../model/clock.ts";
import { ok, type Result } from "../../model/result.ts";
import { ownAuthority } from "../identity/authority.ts";
import { issueCertificate } from "../identity/certificate.ts";
import type { Tls } from "./tls-files.ts";

const DAY_MS = 86_400_000;
/** The server's certificate lasts so long, and has a successor after two thirds. Nobody keeps it: a server that starts makes its own. */
const VALID_MS = 30 * DAY_MS;
const LOOK_MS = 3_600_000;

/**
 * TLS by Weir's own authority below `dataDir`: a server's certificate for these names and addresses beside those of this machine, renewed before its end; clients
 * are asked for certificates of the same authority.
 */
export async function openOwnTls(dataDir: string, names: readonly string[], clock: Clock = systemClock): Promise<Result<Tls>> {
  const authority = await ownAuthority(dataDir, clock.now());
  if (!authority.ok) return authority;
  const ca = authority.value.cert;
  const all = [...new Set([...names.filter((name) => !isAnyAddress(name)), hostname(), "localhost", "127.0.0.1", "::1"])];
  const issue = () => {
    const { cert, key } = issueCertificate(authority.value, {
      purpose: "server",
      name: "weir",
      dnsNames: all.filter((name) => isIP(name) === 0),
      ipAddresses: all.filter((name) => isIP(name) !== 0),
      now: clock.now(),
      validMs: VALID_MS,
    });
    return { cert, key, ca };
  };
  const first = issue();
  return ok({
    options: { ...first, requestCert: true, rejectUnauthorized: false },
    watch(server, log) {
      let current = first;
      log.info("the xDS port speaks TLS with an authority of its own", {
        names: all.join(", "),
        expires: endOf(current.cert).toISOString(),
      });
      let cancel = clock.after(LOOK_MS, look);
      function look(): void {
        if (endOf(current.cert).getTime() - clock.now() < VALID_MS / 3) {
          current = issue();
          server.setSecureContext(current);
          log.info("the xDS port has a new certificate", { expires: endOf(current.cert).toISOString() });
        }
        cancel = clock.after(LOOK_MS, look);
      }
      return () => cancel();
    },
  });
}

function endOf(cert: string): Date {
  return new X509Certificate(cert).validToDate;
}

/** No client connects to `every address`. */
function isAnyAddress(name: string): boolean {
  return name === "0.0.0.0" || name === "::";
}
