/**
 * The job as the JobMaster needs it: subtasks by name, who feeds whom, and what a failure restarts. A thin view over `graph`,
 * built once a job and again when a service is scaled.
 */
import { buildExecutionGraph, consumersOf, producersOf, subtaskIdAt } from "../graph/executionGraph";
import type { ExecutionGraph } from "../graph/executionGraph";
import { failoverScope } from "../graph/failoverScope";
import { buildJobGraph } from "../graph/jobGraph";
import type { JobGraph, JobVertex } from "../graph/jobGraph";
import type { JobSpec, ServiceSpec } from "../graph/jobFile";
import { computeRegions } from "../graph/pipelinedRegion";
import type { PipelinedRegions } from "../graph/pipelinedRegion";
import type { SubtaskName } from "../observe/journalEvent";
