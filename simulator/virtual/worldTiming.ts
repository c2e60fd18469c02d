/** How long things take in a virtual world, drawn anew each time from a seed. One world is fast in some things and slow in others. */
import type { Chance } from "./chance";
import type { InstanceTiming } from "./virtualInstance";
import type { TaskTiming } from "./virtualTask";

export interface WorldTiming {
  readonly task: TaskTiming;
  instance(service: string): InstanceTiming;
  processStartMs(): number;
  coordinatorRestartMs(): number;
  /** From a process's end until its parent knows. */
  exitMs(): number;
  controlLatencyMs(): number;
  dataLatencyMs(): number;
  storeMs(): number;
}

/** Timings for looking for faults: everything varies, so that every order of events comes up. */
export function randomTiming(chance: Chance): WorldTiming {
  const scale = (least: number, most: number): (() => number) => {
    // Each world has a pace of its own in everything, within which it varies.
    const typical = least * (most / least) ** chance.next();
    const stream = chance.fork(String(chance.next()));
    return () => typical * (stream.yes(0.05) ? stream.between(1, 10) : stream.between(0.3, 1.7));
  };
  const task: TaskTiming = {
    initializeMs: scale(0.5, 80),
    recordMs: scale(0.01, 0.5),
    snapshotMs: scale(0.2, 60),
    commitMs: scale(0.1, 20),
  };
  const startMs = scale(5, 60);
  const loadMs = scale(5, 600);
  const warmMs = scale(1, 60);
  const runMs = scale(0.2, 20);
  return {
    task,
    instance: () => ({ startMs, loadMs, warmMs, runMs: (rows) => runMs() * (0.5 + rows / 8) }),
    processStartMs: scale(10, 120),
    coordinatorRestartMs: scale(20, 300),
    exitMs: scale(0.5, 20),
    controlLatencyMs: scale(0.05, 8),
    dataLatencyMs: scale(0.02, 4),
    storeMs: scale(0.3, 80),
  };
}
