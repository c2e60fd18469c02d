/** One seed of the fuzzer: a random job, random faults, a world with a random pace; run to its end with every check. */
import type { JobSpec } from "../graph/jobFile";
import { Chance } from "./chance";
import type { ScheduledFault } from "./faultSchedule";
import { Invariants } from "./invariants";
import { InvariantViolation } from "./invariantViolation";
import { checkOutcome } from "./outcomeInvariants";
import { randomJob } from "./randomJob";
import { expectedDurationMs, randomSchedule } from "./randomSchedule";
import { VirtualWorld } from "./virtualWorld";
import { randomTiming } from "./worldTiming";

export interface FuzzCase {
  readonly seed: number;
  readonly job: JobSpec;
  readonly schedule: readonly ScheduledFault[];
}

export interface FuzzResult {
  readonly events: number;
  readonly virtualMs: number;
  readonly faults: number;
  readonly state: string;
  readonly violation: InvariantViolation | undefined;
  readonly world: VirtualWorld;
}

/** Once nothing is done to the world any more, the job has to be over after this time and what it takes without faults. */
const PROGRESS_MS = 180_000;
/** More events than any healthy run of a small job has. */
const MAX_EVENTS = 3_000_000;

export function fuzzCase(seed: number): FuzzCase {
  const chance = new Chance(seed);
  const job = randomJob(chance.fork("job"));
  return { seed, job, schedule: randomSchedule(chance.fork("schedule"), job) };
}

export function runFuzzCase({ seed, job, schedule }: FuzzCase): FuzzResult {
  const world = new VirtualWorld({
    job,
    seed,
    schedule,
    timing: randomTiming(new Chance(seed).fork("timing")),
    observer: new Invariants(job),
  });
  let violation: InvariantViolation | undefined;
  try {
    runToEnd(world, job);
    checkOutcome(world, schedule);
  } catch (error) {
    // A JobMaster that throws is as wrong as one that breaks a rule.
    violation = error instanceof InvariantViolation ? error : new InvariantViolation("threw", String((error as Error).stack));
  }
  return {
    events: world.loop.count,
    virtualMs: world.loop.now,
    faults: world.faultsInjected,
    state: world.ended?.state ?? "none",
    violation,
    world,
  };
}

function runToEnd(world: VirtualWorld, job: JobSpec): void {
  const patienceMs = PROGRESS_MS + expectedDurationMs(job);
  while (world.ended === undefined) {
    if (!world.loop.step()) throw new InvariantViolation("stuck", "nothing happens any more, and the job is not over");
    if (world.loop.now > world.quietSinceMs + patienceMs) {
      throw new InvariantViolation("stuck", `no end ${Math.round(world.loop.now - world.quietSinceMs)} ms after the last fault`);
    }
    if (world.loop.count > MAX_EVENTS) throw new InvariantViolation("stuck", `no end after ${world.loop.count} events`);
  }
  // What is on its way still arrives.
  const until = world.loop.now + 100;
  while (world.loop.step(until));
}
