/** The recovery report in sentences: the same on the terminal and on the page. */
import { countText, durationText, plural, shareText, subtasksText } from "./figureText";
import type { FailureReport, RunReport } from "./runReport";

/** Ids of a real Flink's vertices, 32 digits, by the names of the vertices. */
export function withVertexNames(text: string, { run }: RunReport): string {
  const names = run.vertexNames;
  if (names === undefined) return text;
  return text.replace(/[0-9a-f]{32}/g, (id) => (Object.hasOwn(names, id) ? `"${(names[id] ?? id).slice(0, 60)}"` : id));
}

/** How it went, in one sentence: what a person reads first. */
export function verdict(report: RunReport): string {
  const { run, failures } = report;
  if (run.state === "FAILED")
    return `The job failed: ${sentence(run.cause?.message ?? "the journal does not say why")} ${capital(recordsClause(report))}.`;
  const unfinished =
    run.state === "CRASHED"
      ? "The run broke off; so far: "
      : isOver(run.state)
        ? ""
        : `The run is ${run.state.toLowerCase()}; so far: `;
  const stopped = run.state === "CANCELED" ? "Stopped before its end: " : unfinished;
  const clause = failures.length === 0 ? "nothing failed" : restartClause(report);
  const text = `${stopped}${clause}; ${recordsClause(report)}.`;
  return capital(text);
}

/** Whether the run came through: what the mark beside the verdict shows. */
export function outcome(report: RunReport): "good" | "bad" | "open" {
  const { run, records, failures } = report;
  if (run.state === "FAILED" || run.state === "CRASHED" || (records.lost ?? 0) > 0 || (records.duplicated ?? 0) > 0)
    return "bad";
  if (
    failures.some(
      (failure) =>
        failure.restartedTasks.length + failure.restartedInstances.length > 0 && failure.recoveredAfterMs === null,
    )
  ) {
    return "open";
  }
  return run.state === "FINISHED" ? "good" : "open";
}

function restartClause({ run, failures }: RunReport): string {
  const tasks = new Set(failures.flatMap((failure) => failure.restartedTasks)).size;
  const instances = failures.reduce((sum, failure) => sum + failure.restartedInstances.length, 0);
  const injected = failures.filter(isInjected).length;
  const counts = [[injected, "fault"] as const, [failures.length - injected, "failure"] as const].filter(
    ([number]) => number > 0,
  );
  const count = counts.map(([number, what]) => plural(number, what)).join(" and ");
  const ofTasks =
    tasks === run.streamTasks
      ? `all ${plural(tasks, "stream task")}`
      : `${countText(tasks)} of ${plural(run.streamTasks, "stream task")}`;
  if (tasks === 0 && instances === 0) return `${count}, nothing restarted`;
  if (tasks === 0) return `${count}: ${plural(instances, "service instance")} restarted, no stream task did`;
  if (instances === 0)
    return `${count}: ${ofTasks} restarted${run.serviceInstances > 0 ? ", the service instances ran on" : ""}`;
  return `${count}: ${ofTasks} and ${plural(instances, "service instance")} restarted`;
}

export function recordsClause({ records }: RunReport): string {
  const { lost, duplicated } = records;
  if (lost === null || duplicated === null) return "loss and duplication could not be counted";
  if (lost === 0 && duplicated === 0) return "no record was lost or duplicated";
  if (duplicated === 0) return `${were(lost)} lost, none duplicated`;
  if (lost === 0) return `${were(duplicated)} duplicated, none lost`;
  return `${were(lost)} lost and ${countText(duplicated)} duplicated`;
}

/** Whether a real Flink restarted what was predicted, and where it did not, what differs. */
export function predictionSentences({ failovers, agreed, compared }: NonNullable<RunReport["predictions"]>): readonly string[] {
  const head =
    agreed === failovers
      ? `Flink restarted exactly the tasks that were predicted, in ${agreed === 1 ? "the one failover" : `all ${failovers} failovers`}.`
      : `Flink restarted other tasks than predicted in ${failovers - agreed} of ${plural(failovers, "failover")}.`;
  const differing = compared.filter(({ agrees }) => !agrees);
  return [
    head,
    ...differing.slice(0, 10).map(({ failover, missing, unexpected, failed, lostProcesses }) => {
      const cause = [...lostProcesses, ...failed.slice(0, 5)].join(", ");
      const parts = [
        missing.length > 0 ? `did not restart: ${subtasksText(missing)}` : "",
        unexpected.length > 0 ? `restarted too: ${subtasksText(unexpected)}` : "",
      ].filter((part) => part !== "");
      return `Failover ${failover} (${cause === "" ? "the job as a whole" : cause}): ${parts.join("; ")}.`;
    }),
  ];
}

/** What happened, to what, and when. */
export function failureTitle(failure: FailureReport): string {
  const at = `${durationText(failure.injectedAtMs)} into the run`;
  if (isInjected(failure)) return `${failure.fault} of ${failure.target}, ${at}`;
  return `${failure.target} failed by itself${failure.fault === "none" ? "" : ` (${failure.fault})`}, ${at}`;
}

export function isInjected(failure: FailureReport): boolean {
  return failure.phases.some((phase) => phase.phase === "injected");
}

/** The story of one failure, a sentence a line. */
export function failureSentences(failure: FailureReport, report: RunReport): readonly string[] {
  const lines = [noticed(failure), restarted(failure, report), ...back(failure), costs(failure)];
  return lines.filter((line) => line !== "").map((line) => withVertexNames(line, report));
}

function noticed(failure: FailureReport): string {
  if (!failure.effective) return "It took no effect: nothing was seen of it from outside.";
  if (failure.detectedAfterMs === null) {
    const healed = failure.healedAfterMs === null ? "" : ` It was healed after ${durationText(failure.healedAfterMs)}.`;
    return `The run did not notice it as a failure.${healed}`;
  }
  const how = evidence(failure);
  return `${isInjected(failure) ? `Noticed after ${durationText(failure.detectedAfterMs)}` : "Noticed"}${how === "" ? "." : `: ${sentence(how)}`}`;
}

/** What it was noticed by, without a full stop. */
export function evidence({ detectedBy }: FailureReport): string {
  switch (detectedBy?.by) {
    case "exit":
      return `the process of ${detectedBy.process} ${
        detectedBy.signal === null
          ? `exited with code ${detectedBy.exitCode ?? "unknown"}`
          : `was ended by ${detectedBy.signal}`
      }`;
    case "connection":
      return `the connection to ${detectedBy.process} broke`;
    case "heartbeat":
      return `no heartbeat from ${detectedBy.process} for ${durationText(detectedBy.silentMs)}`;
    case "failure":
      return `${detectedBy.task} failed: ${detectedBy.message}`;
    case "recovery":
      return "a new coordinator took the run over";
    default:
      return "";
  }
}

function restarted(failure: FailureReport, report: RunReport): string {
  const parts = [
    failure.restartedInstances.length > 0 ? subtasksText(failure.restartedInstances) : "",
    failure.restartedTasks.length > 0
      ? `${plural(failure.restartedTasks.length, "stream task")} (${subtasksText(failure.restartedTasks)})`
      : "",
  ].filter((part) => part !== "");
  if (parts.length === 0) return "Nothing restarted.";
  const what = `Restarted: ${parts.join(" and ")}.`;
  return `${what} ${untouched(failure, report)}`.trim();
}

/** `Not restarted: all 6 stream tasks and 1 other service instance.` */
export function untouched(failure: FailureReport, report: RunReport): string {
  const tasks = failure.untouchedTasks;
  const instances = failure.untouchedInstances;
  const parts = [
    tasks > 0 ? `${tasks === report.run.streamTasks ? "all " : ""}${plural(tasks, "stream task")}` : "",
    instances > 0
      ? plural(instances, failure.restartedInstances.length > 0 ? "other service instance" : "service instance")
      : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? "" : `Not restarted: ${parts.join(" and ")}.`;
}

function back(failure: FailureReport): readonly string[] {
  const lines: string[] = [];
  if (failure.damagedCheckpoints.length > 0) {
    const [first] = failure.damagedCheckpoints;
    const which = failure.damagedCheckpoints.length === 1 ? `Checkpoint ${first} was` : `Checkpoints ${failure.damagedCheckpoints.join(", ")} were`;
    lines.push(`${which} damaged: the restore went back behind ${failure.damagedCheckpoints.length === 1 ? "it" : "them"}, and what sinks had committed since was made again.`);
  }
  for (const instance of failure.instances.slice(0, 3)) {
    const cold =
      instance.restartColdStartMs === null ? "" : `; its cold start took ${durationText(instance.restartColdStartMs)}`;
    const first = instance.coldStartMs === null ? "" : ` (${durationText(instance.coldStartMs)} at the run's start)`;
    const delay =
      instance.loadDelayMs > 0 ? `, ${durationText(instance.loadDelayMs)} of it stated extra load time` : "";
    if (instance.servedAgainAfterMs !== null) {
      lines.push(
        `${instance.instance} served again after ${durationText(instance.servedAgainAfterMs)}${cold}${cold === "" ? "" : first}${delay}.`,
      );
    } else if (instance.registeredAfterMs !== null) {
      lines.push(
        `${instance.instance} was ready again after ${durationText(instance.registeredAfterMs)}${cold}${delay}; no call reached it since.`,
      );
    } else lines.push(`${instance.instance} had not come back when the journal ends.`);
  }
  const more = failure.instances.length - 3;
  if (more > 0)
    lines.push(
      `So did ${plural(more, "other instance")}; the last served again after ${durationText(failure.servedAgainAfterMs ?? 0)}.`,
    );
  if (failure.restartedTasks.length > 0) {
    lines.push(
      failure.recoveredAfterMs === null
        ? "Not all of it ran again when the journal ends."
        : `All of it ran again after ${durationText(failure.recoveredAfterMs)}${
            failure.restoredCheckpoint === null ? "" : `, from checkpoint ${failure.restoredCheckpoint}`
          }.`,
    );
  } else if (failure.restartedInstances.length === 0 && failure.recoveredAfterMs !== null) {
    lines.push(`All was back after ${durationText(failure.recoveredAfterMs)}.`);
  }
  return lines;
}

function costs(failure: FailureReport): string {
  const parts = [
    failure.recordsReplayed > 0 ? `${plural(failure.recordsReplayed, "record")} replayed` : "",
    failure.requestsRetried > 0 ? `${plural(failure.requestsRetried, "call")} retried` : "",
  ].filter((part) => part !== "");
  const repeated = parts.length === 0 ? "" : `${capital(parts.join(", "))}. `;
  return `${repeated}${dipSentence(failure)} ${latencySentence(failure)}`.trim();
}

/** Only where calls took clearly longer. */
export function latencySentence({ p99 }: FailureReport): string {
  if (p99.beforeMs === null || p99.duringMs === null || p99.duringMs < 1.5 * p99.beforeMs) return "";
  return `One call in a hundred took ${durationText(p99.duringMs)} or more meanwhile, ${durationText(p99.beforeMs)} before.`;
}

export function dipSentence({ dip }: FailureReport): string {
  if (dip === null) return "";
  if (dip.durationMs === 0) return "Throughput held.";
  const depth = dip.depth >= 0.995 ? "Throughput came to a standstill" : `Throughput fell by ${shareText(dip.depth)}`;
  if (dip.durationMs === null && dip.depth < 0.1) return `${depth}.`;
  return dip.durationMs === null
    ? `${depth} and did not come back while this could be seen.`
    : `${depth} and was back after ${durationText(dip.durationMs)}.`;
}

function isOver(state: string): boolean {
  return state === "FINISHED" || state === "FAILED" || state === "CANCELED";
}

function were(count: number): string {
  return `${plural(count, "record")} ${count === 1 ? "was" : "were"}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** With one full stop at its end. */
function sentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
