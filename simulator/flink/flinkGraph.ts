/** The job graph of a running Flink job, with its pipelined regions: from the answer of `GET /jobs/JID`, by the reader of plan files. */
import type { AnalyzedGraph } from "../graph/describeGraph";
import { FaultlineError } from "../graph/errors";
import { analyzePlan } from "../graph/planGraph";
import { readGraphFile } from "../graph/planImport";
import type { JobDetails } from "./restAnswers";

/** @throws FaultlineError FL5002 when the plan is not understood */
export function graphOfJob(job: JobDetails): AnalyzedGraph {
  const read = readGraphFile(JSON.stringify(job.raw), "");
  if (read.kind === "plan") return analyzePlan(read.plan);
  const why = read.kind === "problems" ? read.problems[0]?.message : undefined;
  throw FaultlineError.of(
    "FL5002",
    `The plan of the job "${job.name}" is not understood${why === undefined ? "" : `: ${why}`}`,
    "A job has a plan once it has left INITIALIZING; try again in a moment.",
  );
}
