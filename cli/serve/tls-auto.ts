import { isIP } from "node:net";
import { hostname } from "node:os";
import { type Authority, endOf, issueCertificate } from "../../cluster/index.ts";
import { type Clock, systemClock } from "../../model/clock.ts";
import type { Tls } from "./tls-files.ts";

const DAY_MS = 86_400_000;
/**
 * The server's certificate lasts so long, and has a successor after a third. Nobody keeps it: a server that starts makes its own. So short is of use to nobody else for
 * long, and a machine that slept over a weekend still serves.
 */
const VALID_MS = 7 * DAY_MS;
const RENEW_MS = (VALID_MS * 2) / 3;
const LOOK_MS = 3_600_000;

/**
 * TLS by an authority of Weir's own: a server's certificate for these names and addresses beside those of this machine, renewed before its end and when another
 * authority signs; clients are asked for certificates of the authorities that count. Open connections stay.
 */
export function openOwnTls(authority: Authority, names: readonly string[], clock: Clock = systemClock): Tls {
  const all = [...new Set([...names.filter((name) => !isAnyAddress(name)), hostname(), "localhost", "127.0.0.1", "::1"])];
  const issue = () => {
    const signing = authority.signing();
    const { cert, key } = issueCertificate(signing, {
      purpose: "server",
      name: "weir",
      dnsNames: all.filter((name) => isIP(name) === 0),
      ipAddresses: all.filter((name) => isIP(name) !== 0),
      now: clock.now(),
      validMs: VALID_MS,
    });
    return { cert, key, ca: authority.current(), signer: signing.cert };
  };
  const first = issue();
  let current = first;
  return {
    certificate: () => current.cert,
    options: { cert: first.cert, key: first.key, ca: first.ca, requestCert: true, rejectUnauthorized: false },
    authority,
    watch(server, log) {
      const expires = () => new Date(endOf(current.cert)).toISOString();
      log.info("the xDS port speaks TLS with an authority of its own", { names: all.join(", "), expires: expires() });
      const unlisten = authority.onChange(look);
      let cancel = () => {};
      function look(): void {
        cancel();
        const isOld = endOf(current.cert) - clock.now() < RENEW_MS || authority.signing().cert !== current.signer;
        const ca = authority.current();
        if (isOld || ca !== current.ca) {
          current = isOld ? issue() : { ...current, ca };
          server.setSecureContext({ cert: current.cert, key: current.key, ca });
          if (isOld) log.info("the xDS port has a new certificate", { expires: expires() });
          else log.info("other authorities count at the xDS port", { expires: expires() });
        }
        cancel = clock.after(LOOK_MS, look);
      }
      look();
      return () => {
        unlisten();
        cancel();
      };
    },
  };
}

/** No client connects to `every address`. */
function isAnyAddress(name: string): boolean {
  return name === "0.0.0.0" || name === "::";
}
