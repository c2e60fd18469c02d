/**
 * Drives the autoscaler of every service that has one: gathers what its instances say of themselves, and asks at fixed intervals how many
 * there should be. Source of the idea: FLIP-582's thread (min and max first, then by load), and Flink's autoscaler for its options.
 */
import { autoscale, initialAutoscaler, type ServiceAutoscaling } from "./autoscaler";
import type { ServiceSpec } from "../graph/jobFile";
import type { JobMasterInput, TaskRecord, Transition } from "./jobMasterState";
import { scaleService } from "./serviceManager";

/** Between two observations. */
const OBSERVE_MS = 500;
const TIMER = "autoscaler";

type InstanceLoad = Extract<JobMasterInput, { kind: "instanceLoad" }>;

export function isAutoscalerTimer(timer: string): boolean {
  return timer === TIMER;
}

/** Begins to observe, in a job with an autoscaler. */
export function startAutoscaling(t: Transition): void {
  for (const service of t.state.job.services) {
    if (service.autoscaler !== undefined) t.state.autoscaling.set(service.id, newAutoscaling(t.nowMs));
  }
  setTimer(t);
}

export function onInstanceLoad(t: Transition, input: InstanceLoad): void {
  const task = t.state.tasks.get(input.instance);
  const observed = task === undefined ? undefined : t.state.autoscaling.get(task.vertex);
  if (task === undefined || observed === undefined || task.attempt !== input.attempt) return;
  observed.queueDepths.set(task.name, input.queueDepth);
  observed.requests += input.requests;
  // A run that takes longer than the interval tells its time when it is over: until then its instance is busy all the same.
  const stillRunning = input.batches === 0 && input.inFlight > 0;
  observed.busyMs += stillRunning ? Math.max(input.busyMs, input.intervalMs) : input.busyMs;
}

/** One observation of every service. */
export function onAutoscalerTimer(t: Transition): void {
  if (t.state.jobState === "RUNNING" && t.state.stopping !== "cancel") {
    for (const service of t.state.job.services) observe(t, service);
  }
  setTimer(t);
}

function observe(t: Transition, service: ServiceSpec): void {
  const observed = t.state.autoscaling.get(service.id);
  if (observed === undefined || service.autoscaler === undefined) return;
  const intervalMs = t.nowMs - observed.observedAtMs;
  const wanted = (t.state.tasksByVertex.get(service.id) ?? []).filter((task) => !task.draining);
  const serving = wanted.filter(isServing);
  const names = new Set(serving.map((task) => task.name));
  for (const name of observed.queueDepths.keys()) if (!names.has(name)) observed.queueDepths.delete(name);
  const { state, instances, reason } = autoscale(
    service.autoscaler,
    observed.state,
    {
      intervalMs,
      serving: serving.length,
      wanted: wanted.length,
      queueDepth: [...observed.queueDepths.values()].reduce((sum, depth) => sum + depth, 0),
      requests: observed.requests,
      busyMs: Math.min(observed.busyMs, intervalMs * serving.length),
    },
    t.nowMs,
  );
  observed.state = state;
  observed.observedAtMs = t.nowMs;
  observed.requests = 0;
  observed.busyMs = 0;
  if (instances === wanted.length) return;
  scaleService(t, { kind: "scale", service: service.id, parallelism: instances, by: "autoscaler", reason });
}

function isServing(task: TaskRecord): boolean {
  return task.state === "RUNNING" && task.address !== undefined;
}

function newAutoscaling(nowMs: number): ServiceAutoscaling {
  return { state: initialAutoscaler(nowMs), observedAtMs: nowMs, queueDepths: new Map(), requests: 0, busyMs: 0 };
}

function setTimer(t: Transition): void {
  if (t.state.autoscaling.size > 0) t.commands.push({ kind: "setTimer", timer: TIMER, atMs: t.nowMs + OBSERVE_MS });
}
