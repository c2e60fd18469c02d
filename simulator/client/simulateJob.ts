/** Makes a plan for simulating a job from what a person asks for, and checks it. */
import { getHeapStatistics } from "node:v8";
import { FaultlineError } from "../graph/errors";
import type { Deployment, JobSpec } from "../graph/jobFile";
import type { ArrivalPattern } from "../virtual/arrivals";
import { lognormal } from "../virtual/distribution";
import type { FailureKind } from "../virtual/failureModel";
import type { SimulationPlan } from "../virtual/simulation";
import { checkSimulation } from "../virtual/simulationChecks";
import type { ServiceTimings, SimulatedTimings } from "../virtual/simulatedTimings";
import { DEFAULT_TIMINGS, withServiceTimings } from "../virtual/simulatedTimings";
import { loadJobFile } from "./jobFileLoading";

export interface SimulationRequest {
  readonly jobFile: string;
  readonly seed: number;
  readonly seeds: number;
  readonly durationMs: number;
  readonly deployments: readonly Deployment[];
  readonly strategies: readonly ("region" | "full")[];
  readonly parallelism?: number;
  readonly instances?: number;
  readonly taskManagers?: number;
  readonly nodes?: number;
  readonly devices?: number;
  readonly deviceMemoryBytes?: number;
  readonly modelMemoryBytes?: number;
  readonly ratePerSecond?: number;
  readonly burst?: ArrivalPattern["burst"];
  readonly arrivals?: ArrivalPattern["kind"];
  readonly checkpointIntervalMs?: number;
  readonly loadTimeMs?: number;
  readonly warmUpMs?: number;
  /** One run of the model, and what each request in it adds. */
  readonly runTimeMs?: number;
  readonly rowTimeMs?: number;
  readonly mtbfMs?: Readonly<Partial<Record<FailureKind, number>>>;
  readonly faultEveryMs?: number;
  readonly repairMs?: number;
  readonly deviceHourPrice?: number;
  readonly nodeHourPrice?: number;
  /** Measured times in place of the usual ones. */
  readonly timings?: SimulatedTimings;
}

/** Records a second where neither the job nor the person says. */
const USUAL_RATE = 1_000;
const USUAL_REPAIR_MS = 60_000;

/** @throws FaultlineError with every problem of the job file or of the request. */
export async function planSimulation(request: SimulationRequest): Promise<SimulationPlan> {
  return planFor(await loadJobFile(request.jobFile), request);
}

/** The same for a job that is there already. */
export function planFor(file: JobSpec, request: Omit<SimulationRequest, "jobFile">): SimulationPlan {
  const job = sized(file, request);
  const rates = job.operators.flatMap((operator) => (operator.kind === "source" ? [operator.source.ratePerSecond] : []));
  const known = rates.filter((rate) => rate !== undefined);
  const ratePerSecond = request.ratePerSecond ?? (known.length === rates.length && known.length > 0 ? known.reduce((sum, rate) => sum + rate, 0) : USUAL_RATE);
  const repairMs = request.repairMs ?? USUAL_REPAIR_MS;
  const plan: SimulationPlan = {
    job,
    seed: request.seed,
    seeds: request.seeds,
    durationMs: request.durationMs,
    arrivals: { ratePerSecond, burst: request.burst, kind: request.arrivals ?? "external" },
    nodes: request.nodes,
    devices: request.devices,
    deviceMemoryBytes: request.deviceMemoryBytes,
    modelMemoryBytes: request.modelMemoryBytes,
    timings: withServiceTimings(request.timings ?? DEFAULT_TIMINGS, (of) => ({
      ...of,
      ...stated(request, of),
      again: of.again && stated(request, of.again),
      run: { ...of.run, fixedMs: request.runTimeMs ?? of.run.fixedMs, perRowMs: request.rowTimeMs ?? of.run.perRowMs },
    })),
    failures: { mtbfMs: request.mtbfMs ?? {}, everyMs: request.faultEveryMs, deviceRepairMs: repairMs, nodeRepairMs: repairMs },
    deployments: request.deployments,
    strategies: request.strategies,
    price: { deviceHour: request.deviceHourPrice, nodeHour: request.nodeHourPrice },
  };
  const [first, ...more] = checkSimulation(plan, getHeapStatistics().heap_size_limit * 0.8);
  if (first !== undefined) throw new FaultlineError(first, more);
  return plan;
}

type Loads = Pick<ServiceTimings, "loadMs" | "warmMs">;

/** A time that is stated holds for every load. */
function stated({ loadTimeMs, warmUpMs }: Pick<SimulationRequest, "loadTimeMs" | "warmUpMs">, of: Loads): Loads {
  return {
    loadMs: loadTimeMs === undefined ? of.loadMs : lognormal(loadTimeMs, 0.15),
    warmMs: warmUpMs === undefined ? of.warmMs : lognormal(warmUpMs, 0.15),
  };
}

/** Operators that have the job's parallelism get the new one; TaskManagers and their slots follow. */
function sized(job: JobSpec, { parallelism, instances, taskManagers, checkpointIntervalMs }: Omit<SimulationRequest, "jobFile">): JobSpec {
  const { runtime } = job;
  const width = parallelism ?? runtime.parallelism;
  const operators = job.operators.map((operator) => (operator.parallelism === runtime.parallelism ? { ...operator, parallelism: width } : operator));
  const groups = new Map<string, number>();
  for (const operator of operators) groups.set(operator.slotSharingGroup, Math.max(groups.get(operator.slotSharingGroup) ?? 0, operator.parallelism));
  const needed = [...groups.values()].reduce((sum, slots) => sum + slots, 0);
  const managers = taskManagers ?? (parallelism === undefined ? runtime.taskManagers : Math.max(1, Math.ceil(needed / runtime.slots)));
  const { checkpointing } = runtime;
  const resized: JobSpec = {
    ...job,
    operators,
    runtime: {
      ...runtime,
      parallelism: width,
      taskManagers: managers,
      slots: Math.max(runtime.slots, Math.ceil(needed / managers)),
      checkpointing: checkpointing === undefined || checkpointIntervalMs === undefined ? checkpointing : { ...checkpointing, intervalMs: checkpointIntervalMs },
    },
    services: job.services.map((service) => ({ ...service, parallelism: instances ?? service.parallelism })),
  };
  for (const [value, name] of [[width, "parallelism"], [managers, "number of TaskManagers"], [instances ?? 1, "number of instances"]] as const) {
    if (Number.isInteger(value) && value >= 1 && value <= 32_768) continue;
    throw FaultlineError.of("FL1050", `The ${name} is ${value}; it has to be a whole number from 1 to 32768.`);
  }
  return resized;
}
