import { writeSync } from "node:fs";
import { messageOf } from "../../base/error.ts";
import { type ExamineRequest, runExamination } from "../sandbox/examination.ts";
import { createFrameReader, encodeHead } from "./frame.ts";

/** The operator is trusted: these bounds only keep a broken one from being believed. */
const LIMITS = { header: 64 * 1024 * 1024, body: 1024 * 1024 * 1024 };

/** Writes at once, also while the module runs: the operator counts the time of each phase. */
function say(header: unknown): void {
  const bytes = encodeHead(header);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

/** One request, one answer, and the end of the process. */
const take = createFrameReader(LIMITS, ({ header, body }) => {
  try {
    say({ result: runExamination(body, header as ExamineRequest, (phase) => say({ phase })) });
  } catch (error) {
    say({ failed: messageOf(error) });
  }
  process.exit(0);
});

process.stdin.on("data", take);
process.stdin.on("end", () => process.exit(0));
say({ ready: true });
