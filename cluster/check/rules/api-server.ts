import type { Facts } from "../facts.ts";
import { about, type Finding } from "../finding.ts";

/** Native sidecars are on by default from here. https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/ */
const OLDEST = [1, 29] as const;
/** The API server tells its time to the second, and the request takes a while. */
const SOON_WRONG_MS = 30_000;
/** Certificates are not valid before a moment up to five minutes before they are made. */
const WRONG_MS = 5 * 60_000;

/** Whether the API server is there and new enough, and whether clocks agree. */
export function apiServer({ version, self, now }: Facts): readonly Finding[] {
  const line = about("api server");
  if (!version.ok) return [line.fail(`${version.error.message}; check the kubeconfig and the connection`)];
  const [major = 0, minor = 0] = (/v?(\d+)\.(\d+)/.exec(version.value) ?? []).slice(1).map(Number);
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  const age = isOld
    ? line.fail(`${version.value} has no native sidecars; Weir needs ${OLDEST.join(".")} or newer`)
    : line.ok(version.value);
  return [age, clock(self, now)];
}

function clock(self: Facts["self"], now: number): Finding {
  const line = about("clock");
  if (!self.ok) return line.unknown(self.error);
  const ahead = now - self.value.time;
  const seconds = Math.round(Math.abs(ahead) / 1_000);
  const said = `this machine is ${seconds} s ${ahead > 0 ? "ahead of" : "behind"} the API server`;
  if (Math.abs(ahead) >= WRONG_MS)
    return line.fail(`${said}: certificates and tokens look ended or not yet valid; set the clock, of the nodes too`);
  if (Math.abs(ahead) >= SOON_WRONG_MS) return line.warn(`${said}; set the clock`);
  return line.ok("this machine and the API server agree");
}
