/**
 * A run as a trace that Perfetto (ui.perfetto.dev) and Chrome's `about:tracing` open: processes, tasks as their threads, states as slices,
 * faults and failures as instants, throughput and latency as counters. Follows Google's "Trace Event Format", JSON object form.
 */
import { isTerminal } from "../graph/executionState";
import type { ProcessName } from "./journalEvent";
import { factsOf, type RunFacts, type RunHistory } from "./runFacts";
import { timelineSeries } from "./timelineSeries";

export interface TraceEvent {
  readonly name: string;
  /** X complete, i instant, C counter, M metadata, b and e begin and end of an asynchronous slice. */
  readonly ph: "X" | "i" | "C" | "M" | "b" | "e";
  readonly pid: number;
  readonly tid: number;
  /** Microseconds from the run's start. */
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  /** Of instants: g the whole trace, p the process, t the thread. */
  readonly s?: "g" | "p" | "t";
  readonly id?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

export interface TraceDocument {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: "ms";
  readonly otherData: Readonly<Record<string, string>>;
}

const COORDINATOR = "coordinator";

export function traceExport(history: RunHistory): TraceDocument {
  const facts = factsOf(history);
  const tracks = new Tracks();
  const run = tracks.thread(COORDINATOR, "job");
  const events: TraceEvent[] = [];
  const us = (at: number): number => Math.round((at - facts.startAt) * 1000);

  for (const [index, { state, at, cause }] of facts.jobStates.entries()) {
    const to = facts.jobStates[index + 1]?.at ?? facts.endAt;
    events.push({
      name: state,
      ph: "X",
      cat: "job",
      ...run,
      ts: us(at),
      dur: us(to) - us(at),
      args: cause === undefined ? {} : { ...cause },
    });
  }
  processes(facts, tracks, events, us);
  tasks(facts, tracks, events, us);
  instances(facts, tracks, events, us);
  decisions(facts, run, events, us);
  faults(facts, tracks, run, events, us);
  for (const series of timelineSeries(facts, facts.endAt - facts.startAt)) {
    for (const [index, value] of series.values.entries()) {
      if (value === null) continue;
      const ts = Math.round((series.from + (index - 0.5) * series.step) * 1000);
      events.push({
        name: series.title,
        ph: "C",
        ...run,
        tid: 0,
        ts,
        args: { [series.unit === "/s" ? "records/s" : series.unit]: Math.round(value * 100) / 100 },
      });
    }
  }
  const about = facts.started?.run;
  return {
    traceEvents: [...tracks.metadata(), ...events],
    displayTimeUnit: "ms",
    otherData: {
      run: about?.id ?? "",
      job: about?.job ?? "",
      started: new Date(facts.startAt).toISOString(),
      deployment: about?.deployment ?? "",
    },
  };
}

type Microseconds = (at: number) => number;
interface Track {
  readonly pid: number;
  readonly tid: number;
}

/** Numbers for processes and threads, as the format wants them. A process keeps its number over its restarts. */
class Tracks {
  readonly #processes = new Map<ProcessName, { readonly pid: number; readonly threads: Map<string, number> }>();

  thread(process: ProcessName, thread: string): Track {
    let known = this.#processes.get(process);
    if (known === undefined)
      this.#processes.set(process, (known = { pid: this.#processes.size + 1, threads: new Map() }));
    let tid = known.threads.get(thread);
    if (tid === undefined) known.threads.set(thread, (tid = known.threads.size + 1));
    return { pid: known.pid, tid };
  }

  *metadata(): Generator<TraceEvent> {
    for (const [process, { pid, threads }] of this.#processes) {
      yield { name: "process_name", ph: "M", pid, tid: 0, args: { name: process } };
      yield { name: "process_sort_index", ph: "M", pid, tid: 0, args: { sort_index: pid } };
      for (const [thread, tid] of threads) {
        yield { name: "thread_name", ph: "M", pid, tid, args: { name: thread } };
        yield { name: "thread_sort_index", ph: "M", pid, tid, args: { sort_index: tid } };
      }
    }
  }
}

/** The lives of each process, with its id and how it ended. */
function processes(facts: RunFacts, tracks: Tracks, events: TraceEvent[], us: Microseconds): void {
  for (const [process, lives] of facts.processes) {
    const track = tracks.thread(process, "process");
    for (const { pid, startedAt, lost } of lives) {
      const ts = us(startedAt);
      const args = { pid, ...(lost === undefined ? {} : { expected: lost.expected, ...lost.evidence }) };
      events.push({
        name: `process ${pid}`,
        ph: "X",
        cat: "process",
        ...track,
        ts,
        dur: us(lost?.at ?? facts.endAt) - ts,
        args,
      });
    }
  }
}

/** States of stream tasks, each attempt in the process that it ran in. Service instances have phases instead. */
function tasks(facts: RunFacts, tracks: Tracks, events: TraceEvent[], us: Microseconds): void {
  for (const [task, attempts] of facts.tasks) {
    for (const [number, attempt] of attempts.entries()) {
      if (attempt.vertexKind === "service" && facts.instances.has(task)) continue;
      const track = tracks.thread(attempt.process ?? COORDINATOR, task);
      const until = attempts[number + 1]?.startedAt ?? facts.endAt;
      for (const [index, { state, at }] of attempt.states.entries()) {
        const args = {
          attempt: attempt.attempt,
          ...(state === "FAILED" && attempt.cause !== undefined ? { cause: attempt.cause.message } : {}),
        };
        if (isTerminal(state)) {
          events.push({ name: state, ph: "i", cat: "task", s: "t", ...track, ts: us(at), args });
          continue;
        }
        const to = attempt.states[index + 1]?.at ?? until;
        events.push({ name: state, ph: "X", cat: "task", ...track, ts: us(at), dur: us(to) - us(at), args });
      }
    }
  }
}

/** Phases of service instances, until the next one or until the process is lost. */
function instances(facts: RunFacts, tracks: Tracks, events: TraceEvent[], us: Microseconds): void {
  for (const [instance, attempts] of facts.instances) {
    const process = facts.tasks.get(instance)?.[0]?.process ?? `service:${instance}`;
    const track = tracks.thread(process, instance);
    const losses = (facts.processes.get(process) ?? []).map((life) => life.lost?.at).filter((at) => at !== undefined);
    for (const [number, attempt] of attempts.entries()) {
      for (const [index, { phase, at }] of attempt.phases.entries()) {
        const next = attempt.phases[index + 1]?.at ?? attempts[number + 1]?.phases[0]?.at ?? facts.endAt;
        const to = Math.min(next, losses.find((loss) => loss >= at) ?? next);
        const args = {
          attempt: attempt.attempt,
          device: attempt.device,
          ...(attempt.loadDelayMs > 0 ? { loadDelayMs: attempt.loadDelayMs } : {}),
        };
        events.push({ name: phase, ph: "X", cat: "instance", ...track, ts: us(at), dur: us(to) - us(at), args });
      }
    }
  }
}

/** Failovers and checkpoints may overlap: asynchronous slices. */
function decisions(facts: RunFacts, run: Track, events: TraceEvent[], us: Microseconds): void {
  for (const failover of facts.failovers) {
    const id = `failover-${failover.id}`;
    const name = `failover ${failover.id}`;
    const { regions, tasks: restarted, instances: replaced, untouched, delayMs } = failover;
    events.push({
      name,
      ph: "b",
      cat: "failover",
      id,
      ...run,
      ts: us(failover.at),
      args: { regions, tasks: restarted, instances: replaced, untouched, delayMs },
    });
    events.push({ name, ph: "e", cat: "failover", id, ...run, ts: us(failover.finishedAt ?? facts.endAt) });
  }
  for (const { checkpoint, at, ok, durationMs } of facts.checkpoints) {
    const name = `checkpoint ${checkpoint}`;
    const id = `checkpoint-${checkpoint}`;
    if (!ok) events.push({ name: `${name} failed`, ph: "i", cat: "checkpoint", s: "t", ...run, ts: us(at) });
    else {
      events.push({ name, ph: "b", cat: "checkpoint", id, ...run, ts: us(at - (durationMs ?? 0)) });
      events.push({ name, ph: "e", cat: "checkpoint", id, ...run, ts: us(at) });
    }
  }
}

function faults(facts: RunFacts, tracks: Tracks, run: Track, events: TraceEvent[], us: Microseconds): void {
  for (const { fault, target, at, effective, healed, parameters, failed } of facts.injections.values()) {
    const args = {
      target,
      parameters,
      ...(effective === undefined ? {} : { effect: effective.evidence }),
      ...(failed === undefined ? {} : { failed: failed.message }),
    };
    events.push({ name: `${fault} ${target}`, ph: "i", cat: "fault", s: "g", ...run, ts: us(at), args });
    if (healed !== undefined)
      events.push({
        name: `${fault} ${target} healed`,
        ph: "i",
        cat: "fault",
        s: "g",
        ...run,
        ts: us(healed.at),
        args: { by: healed.by },
      });
  }
  for (const { at, task, process, cause } of facts.failures) {
    const known =
      facts.tasks.get(task)?.findLast((attempt) => attempt.startedAt <= at)?.process ?? process ?? COORDINATOR;
    const args = { code: cause.code, message: cause.message };
    events.push({
      name: `failure of ${task}`,
      ph: "i",
      cat: "failure",
      s: "p",
      ...tracks.thread(known, task),
      ts: us(at),
      args,
    });
  }
}
