import { type Facts, type Log, silentLog } from "../../model/log.ts";

/** A log that keeps the problems that a source told and has not taken back: by file, folder or cluster. */
export interface ProblemLog extends Log {
  readonly problems: Map<string, string>;
}

export function createProblemLog(log: Log = silentLog): ProblemLog {
  const problems = new Map<string, string>();
  const place = ({ file, dir, cluster }: Facts): string => String(file ?? dir ?? cluster);
  return {
    ...log,
    problems,
    error(message, facts = {}) {
      if (typeof facts.problem === "string") problems.set(place(facts), facts.problem);
      log.error(message, facts);
    },
    info(message, facts = {}) {
      if (/ again$/.test(message)) problems.delete(place(facts));
      log.info(message, facts);
    },
  };
}
