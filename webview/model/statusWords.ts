/** What just happened, in words. Spoken text leaves out what changes every moment, so that a screen reader is not flooded. */
import type { JournalEventOf, LossEvidence, SubtaskName } from "../../simulator/observe/journalEvent";
import type { FailoverFact, RunFacts } from "../../simulator/observe/runFacts";
import { ago } from "./livePicture";
import { duration, percent, plural } from "./numberWords";
import type { RunModel } from "./runModel";
import { latestBefore, lookAt } from "./subtaskLook";

export interface Status {
  readonly tone: "quiet" | "busy" | "good" | "bad";
  readonly headline: string;
  readonly detail: string;
  /** Announced when it changes. */
  readonly spoken: string;
}

/** For this long after a recovery the status still speaks of it. */
const REMEMBERED_MS = 60_000;

export function statusAt(run: RunModel, at: number): Status {
  const { facts } = run;
  const failover = latestBefore(facts.failovers, at, (one) => one.at);
  const last = facts.ended;
  if (last !== undefined && at >= last.at) return ended(facts, last);
  if (failover !== undefined && (failover.finishedAt === undefined || at - failover.finishedAt < REMEMBERED_MS)) {
    return afterFailure(run, failover, at);
  }
  const hurt = [...facts.injections.values()].findLast((one) => one.at <= at);
  const tasks = [...run.attempts.names()];
  const up = tasks.filter((task) => lookAt(run.attempts, task, at).look === "running").length;
  const state = latestBefore(facts.jobStates, at, (one) => one.at)?.state ?? "INITIALIZING";
  if (hurt !== undefined && hurt.healed === undefined && at - hurt.at < 10_000) {
    const headline = `${hurt.fault} was injected into ${hurt.target} ${ago(at - hurt.at)}.`;
    const detail = hurt.effective === undefined ? "Its effect has not been seen yet." : hurt.effective.evidence;
    return { tone: "busy", headline, detail, spoken: `${hurt.fault} injected into ${hurt.target}.` };
  }
  if (state === "RUNNING" && up === tasks.length && up > 0) {
    const since = latestBefore(facts.jobStates, at, (one) => one.at)?.at ?? facts.startAt;
    const restarts = facts.failovers.filter((one) => one.at <= at).length;
    const history = restarts === 0 ? "Nothing has failed." : `${plural(restarts, "failure")} so far, all recovered.`;
    return {
      tone: "good",
      headline: `Running for ${wholeSeconds(at - since)}.`,
      detail: history,
      spoken: "The job is running.",
    };
  }
  if (tasks.length === 0) {
    const processes = facts.processes.size;
    return {
      tone: "busy",
      headline: "Starting.",
      detail: `${plural(processes, "process", "processes")} started.`,
      spoken: "The job is starting.",
    };
  }
  return {
    tone: "busy",
    headline: "Starting.",
    detail: `${up} of ${plural(tasks.length, "task")} and instances run.`,
    spoken: "The job is starting.",
  };
}

function afterFailure(run: RunModel, failover: FailoverFact, at: number): Status {
  const { facts } = run;
  const failure = run.failureOf(failover);
  const cause = failure === undefined ? undefined : lossOf(facts, failure);
  const failedAt = cause?.at ?? failure?.at ?? failover.at;
  const subject =
    cause?.process.startsWith("taskmanager:") === true
      ? `TaskManager ${cause.process.slice(12)}`
      : (failure?.task ?? "A task");
  const happened = cause === undefined ? "failed" : lossWords(cause.evidence);
  const tasks = failover.tasks.length;
  const untouched = `${plural(failover.untouched, "other")} did not notice`;
  const finished = failover.finishedAt !== undefined && failover.finishedAt <= at;
  if (finished) {
    const took = (failover.finishedAt as number) - failedAt;
    const what =
      tasks === 0 && failover.instances.length === 1
        ? `${failover.instances[0]} serves again`
        : "Everything runs again";
    const counts = `${plural(tasks, "stream task")} and ${plural(failover.instances.length, "instance")} restarted; ${untouched}.`;
    return {
      tone: "good",
      headline: `${what}, ${duration(took)} after ${what.startsWith(subject) ? "it" : subject} ${happened}.`,
      detail: counts,
      spoken: `${what} after ${duration(took)}. ${counts}`,
    };
  }
  const waiting = [...failover.tasks, ...failover.instances].filter(
    (task) => lookAt(run.attempts, task, at).look !== "running",
  );
  const restarting = `${plural(tasks, "stream task")} ${tasks === 1 ? "restarts" : "restart"}`;
  const number = failover.instances.length;
  const instances =
    number === 0
      ? ""
      : `, ${plural(number, "instance")} ${number === 1 ? "restarts" : "restart"}${progressWords(run, waiting, at)}`;
  const detail = `${restarting}${instances}; ${untouched}.`;
  return {
    tone: "bad",
    headline: `${subject} ${happened} ${ago(at - failedAt)}.`,
    detail,
    spoken: `${subject} ${happened}. ${restarting}, ${plural(failover.instances.length, "instance")} ${failover.instances.length === 1 ? "restarts" : "restart"}; ${untouched}.`,
  };
}

function progressWords({ attempts }: RunModel, waiting: readonly SubtaskName[], at: number): string {
  if (waiting.length !== 1) return "";
  const { words, look, progress } = lookAt(attempts, waiting[0], at, 0);
  if (look === "failing" || words === "restarting") return "";
  return progress === undefined ? ` (${words})` : ` (${words}, ${percent(progress)})`;
}

interface Loss {
  readonly at: number;
  readonly process: string;
  readonly evidence: LossEvidence;
}

/** The lost process behind a failure, if there is one. */
function lossOf(facts: RunFacts, failure: JournalEventOf<"failure">): Loss | undefined {
  if (failure.process === undefined) return undefined;
  const life = facts.processes
    .get(failure.process)
    ?.findLast((one) => one.lost !== undefined && Math.abs(one.lost.at - failure.at) < 5000);
  return life?.lost === undefined
    ? undefined
    : { at: life.lost.at, process: failure.process, evidence: life.lost.evidence };
}

export function lossWords(evidence: LossEvidence): string {
  switch (evidence.by) {
    case "exit":
      if (evidence.signal === "SIGKILL") return "was killed";
      if (evidence.signal !== null) return `ended with ${evidence.signal}`;
      return `exited with code ${evidence.exitCode ?? "unknown"}`;
    case "connection":
      return "lost its connection";
    case "heartbeat":
      return "stopped answering";
  }
}

function ended(facts: RunFacts, last: JournalEventOf<"run.ended">): Status {
  const length = duration(last.at - facts.startAt);
  const failures = facts.failovers.length;
  const restarted = new Set(facts.failovers.flatMap((one) => one.tasks)).size;
  const instances = new Set(facts.failovers.flatMap((one) => one.instances)).size;
  const detail =
    failures === 0
      ? "Nothing failed."
      : `${plural(failures, "failure")}: ${plural(restarted, "stream task")} and ${plural(instances, "instance")} restarted.`;
  const headline = `${endWords(facts, last.state)} after ${length}.`;
  const cause = last.cause === undefined ? "" : ` ${last.cause.message}`;
  return {
    tone: last.state === "FAILED" ? "bad" : "quiet",
    headline,
    detail: detail + cause,
    spoken: `${headline} ${detail}${cause}`,
  };
}

function endWords(facts: RunFacts, state: string): string {
  switch (state) {
    case "FINISHED":
      return "The run finished";
    case "CANCELED":
      return "The run was stopped";
    case "FAILED":
      return "The run failed";
    case "SUSPENDED":
      // A simulation is over before the job is; a cluster was lost.
      return facts.started?.run.engine === "virtual"
        ? "The simulated time was over"
        : "The run was followed no further";
    default:
      return `The run ended as ${state}`;
  }
}

function wholeSeconds(ms: number): string {
  return duration(Math.max(1000, Math.floor(ms / 1000) * 1000)).replace(".0 s", " s");
}
