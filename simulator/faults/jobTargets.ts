/** What of a job can be a target, known before anything runs. */
import type { JobSpec } from "../graph/jobFile";
import { buildJobGraph } from "../graph/jobGraph";
import { isLinkPattern, matchLinks, matchTargets } from "./faultTarget";

/** Of one kind that are listed. */
const MOST_INSTANCES = 1024;

/** @throws FaultlineError FL1031 when the job has nothing of that name, FL1033 when there is no such link. */
export function checkTarget(job: JobSpec, pattern: string): void {
  const targets = targetsOf(job);
  if (isLinkPattern(pattern)) matchLinks(pattern, targets);
  else matchTargets(pattern, targets);
}

/** Every target of a job that is no link, as people write it. */
export function targetsOf(job: JobSpec): readonly string[] {
  const { taskManagers } = job.runtime;
  const vertices = buildJobGraph(job).vertices;
  return [
    // Under `embedded` and `sidecar` there may be more copies than instances: one a task, one a TaskManager.
    ...job.services.flatMap(({ id, parallelism, deployment }) =>
      numbered(deployment === "rpc-service" ? parallelism : Math.max(parallelism, taskManagers, ...vertices.map((vertex) => vertex.parallelism)), (index) => `service:${id}#${index}`),
    ),
    ...numbered(taskManagers, (index) => `taskmanager:${index}`),
    "coordinator",
    ...vertices.flatMap(({ id, parallelism }) => numbered(parallelism, (index) => `task:${id}#${index}`)),
  ];
}

function numbered(count: number, name: (index: number) => string): readonly string[] {
  return Array.from({ length: Math.min(count, MOST_INSTANCES) }, (_, index) => name(index));
}
