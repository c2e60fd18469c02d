/** What cannot be simulated is said before it begins, with what to change. */
import type { JobSpec } from "../graph/jobFile";
import { buildJobGraph } from "../graph/jobGraph";
import type { Problem } from "../graph/errors";
import type { SimulationPlan } from "./simulation";
import { combinations, copiesOf, machinesOf } from "./simulation";
import { FAILURE_KINDS } from "./failureModel";
import { meanRate } from "./arrivals";

/** Longest time that is simulated, and the least between failures: everything shorter is no failure but a state. */
const LONGEST_MS = 366 * 86_400_000;
const LEAST_MTBF_MS = 1_000;
const HIGHEST_RATE = 10_000_000;

const BASE_BYTES = 90e6;
const TASK_BYTES = 22_000;
const INSTANCE_BYTES = 40_000;
const PAIR_BYTES = 700;
const RECORD_BYTES = 18;

/** All that is wrong with the plan. @param limitBytes memory that this process may use. */
export function checkSimulation(plan: SimulationPlan, limitBytes: number): readonly Problem[] {
  const problems: Problem[] = [];
  const wrong = (code: Problem["code"], message: string, hint?: string): void => void problems.push({ code, message, hint });
  const whole = (value: number | undefined, least: number, most: number, name: string): void => {
    if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= most)) {
      wrong("FL1050", `${name} is ${value}; it has to be a whole number from ${least} to ${most}.`);
    }
  };
  whole(plan.seeds, 1, 10_000, "The number of seeds");
  whole(plan.nodes, 1, 100_000, "The number of nodes");
  whole(plan.devices, plan.job.services.length > 0 ? 1 : 0, 1_000_000, "The number of GPUs");
  if (!(plan.durationMs > 0 && plan.durationMs <= LONGEST_MS)) wrong("FL1050", "The duration has to be more than nothing and at most 366 days.");
  const { ratePerSecond, burst } = plan.arrivals;
  if (!(ratePerSecond > 0 && ratePerSecond <= HIGHEST_RATE)) wrong("FL1050", `A rate of ${ratePerSecond} records a second cannot be simulated; it has to be above 0 and at most ${HIGHEST_RATE}.`);
  if (burst !== undefined && !(burst.factor > 0 && burst.lastsMs > 0 && burst.lastsMs <= burst.everyMs && ratePerSecond * burst.factor <= HIGHEST_RATE)) {
    wrong("FL1050", "A burst needs a factor above 0, and has to be over before the next one begins.", "Write --burst 5x,10m,30s: five times the rate, every 10 minutes, for 30 seconds.");
  }
  for (const kind of FAILURE_KINDS) {
    const mtbfMs = plan.failures.mtbfMs[kind];
    if (mtbfMs !== undefined && !(mtbfMs >= LEAST_MTBF_MS)) wrong("FL1050", `A mean time between failures of ${mtbfMs} ms (${kind}) cannot be simulated; it has to be at least 1s.`);
  }
  if (plan.failures.everyMs !== undefined && !(plan.failures.everyMs >= 100)) wrong("FL1050", "Faults can come every 100ms, not more often.");
  const { deviceMemoryBytes: device, modelMemoryBytes: model } = plan;
  if (device !== undefined && !(device > 0)) wrong("FL1050", "A device needs some memory.");
  if (model !== undefined && !(model > 0)) wrong("FL1050", "A model takes some memory.");
  if (device !== undefined && model !== undefined && model > device) {
    wrong("FL1051", `The model needs ${bytes(model)}; the largest device has ${bytes(device)}.`, "Give --device-memory what the devices have, or split the model.");
  }
  if (plan.job.runtime.mode === "batch") wrong("FL1050", "A batch job has no steady load to simulate.", "Set runtime.mode to streaming.");
  const code = plan.job.services.find((service) => service.function !== undefined);
  if (code !== undefined) {
    wrong("FL1050", `The service "${code.id}" runs code; how long that takes, and what it calls, a simulation does not know.`, "Run the job, or put a model with the same times in its place.");
  }
  if (problems.length > 0) return problems;
  checkCopies(plan, wrong);
  checkMemory(plan, limitBytes, wrong);
  return problems;
}

function checkCopies(plan: SimulationPlan, wrong: (code: Problem["code"], message: string, hint?: string) => void): void {
  for (const { deployment, failoverStrategy, job } of combinations(plan)) {
    if (failoverStrategy !== plan.strategies[0] || deployment === "none") continue;
    const machines = machinesOf(plan, job);
    const copies = copiesOf(job);
    const room = machines.devices * machines.copiesPerDevice;
    if (copies > room) {
      wrong("FL1051", `${deployment}: ${copies} copies of the model do not fit on ${machines.devices} devices, which hold ${machines.copiesPerDevice} each.`, "More --gpus, more --device-memory, fewer --instances, or a smaller max of the autoscaler.");
      continue;
    }
    const local = deployment === "embedded" || deployment === "sidecar";
    const devices = Math.floor(machines.devices / machines.nodes);
    // A device holds any number of copies where nobody says how large they are; no device holds none.
    const least = devices === 0 ? 0 : devices * machines.copiesPerDevice;
    const most = Math.ceil(copies / machines.nodes);
    if (local && least < most) {
      wrong("FL1051", `${deployment}: a node has to hold ${most} ${most === 1 ? "copy" : "copies"} of the model and has room for ${least}.`, "Spread the GPUs evenly: as many of them as copies (--gpus), or fewer nodes (--nodes).");
    }
  }
}

/** Of operators; instances of services are not counted. */
export function subtasksOf(job: JobSpec): number {
  return buildJobGraph(job).vertices.reduce((sum, { kind, parallelism }) => sum + (kind === "stream" ? parallelism : 0), 0);
}

/** About, and rather too much: what the simulation of the largest combination takes. */
export function estimatedBytes(plan: SimulationPlan): number {
  const tasks = subtasksOf(plan.job);
  const copies = Math.max(...combinations(plan).map(({ job }) => copiesOf(job)), 0);
  const callers = plan.job.operators.reduce((sum, operator) => sum + (operator.kind === "rpc" ? operator.parallelism : 0), 0);
  const pairs = Math.min(callers * copies, 20_000);
  const records = meanRate(plan.arrivals) * (plan.durationMs / 1000);
  const kept = plan.job.runtime.checkpointing === undefined ? records : Math.min(records, meanRate(plan.arrivals) * (10 * plan.job.runtime.checkpointing.intervalMs) / 1000);
  return BASE_BYTES + tasks * TASK_BYTES + copies * INSTANCE_BYTES + pairs * PAIR_BYTES + kept * RECORD_BYTES;
}

function checkMemory(plan: SimulationPlan, limitBytes: number, wrong: (code: Problem["code"], message: string, hint?: string) => void): void {
  const needed = estimatedBytes(plan);
  if (needed <= limitBytes) return;
  wrong("FL1052", `This simulation would need about ${bytes(needed)} of memory; ${bytes(limitBytes)} may be used.`, "Simulate fewer tasks or a lower rate, or give Node more: NODE_OPTIONS=--max-old-space-size=8192.");
}

export function bytes(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} GB` : `${Math.round(count / 1e6)} MB`;
}
