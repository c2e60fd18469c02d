/**
 * Carries a plan of simulations out: its runs know nothing of each other, so each processor takes one after the other. What comes out does not
 * depend on how many there are, and whoever waits can be told meanwhile.
 */
import { availableParallelism, freemem } from "node:os";
import { getHeapStatistics } from "node:v8";
import type { Worker } from "node:worker_threads";
import type { Deployment } from "../graph/jobFile";
import { FaultlineError } from "../graph/errors";
import { ownThread } from "../inference/ownThread";
import type { SimulationResult } from "../observe/simulationResult";
import type { SimulationPart, SimulationPlan } from "../virtual/simulation";
import { combinations, partsOf, resultsOf } from "../virtual/simulation";
import { estimatedBytes, subtasksOf } from "../virtual/simulationChecks";
import type { SimulatedRun } from "../virtual/simulationRun";
import type { SimulationThreadAnswer, SimulationThreadStart } from "./simulationThread";

/**
 * MiB of a simulation's young generation: 8 KiB for each subtask, from 192 to 768 in all. What waits for its time is copied at each of its collections,
 * and the larger the job, the more that is: an event of a hundred thousand subtasks costs a fifth less with 768 than with 192, with which it costs a
 * quarter less than with V8's own 48; one of ten thousand costs the same with 192 and 768.
 */
export function youngGenerationMib(subtasks: number): number {
  return Math.min(768, Math.max(192, 3 * Math.ceil(subtasks / 384)));
}

export interface SimulationProgress {
  /** Runs over, the present ones as parts. */
  readonly done: number;
  readonly runs: number;
  /** Of the run that was heard of last. */
  readonly deployment: Deployment | "none";
  readonly failoverStrategy: "region" | "full";
}

export interface SimulationListener {
  onProgress?(progress: SimulationProgress): void;
  /** The journal of each combination's first seed is kept as a run, and told of; without it, none is. */
  onKept?(run: string, of: Pick<SimulationProgress, "deployment" | "failoverStrategy">): void;
}

/** @throws FaultlineError FL2001 where a journal cannot be kept, FL1052 when memory was too small after all. */
export async function runSimulation(plan: SimulationPlan, listener: SimulationListener = {}): Promise<readonly SimulationResult[]> {
  const parts = partsOf(plan);
  const names = combinations(plan);
  const shares = parts.map(() => 0);
  const runs: SimulatedRun[] = [];
  let next = 0;

  const tell = (index: number, share: number): void => {
    shares[index] = share;
    const { deployment, failoverStrategy } = names[parts[index].combination];
    listener.onProgress?.({ done: shares.reduce((sum, one) => sum + one, 0), runs: parts.length, deployment, failoverStrategy });
  };
  const work = async (thread: SimulationThread): Promise<void> => {
    while (next < parts.length) {
      const index = next++;
      const { run, kept } = await thread.run(parts[index], (share) => tell(index, share));
      runs[index] = run;
      tell(index, 1);
      if (kept !== undefined) listener.onKept?.(kept, names[parts[index].combination]);
    }
  };

  const threads = Array.from({ length: threadCount(plan, parts.length) }, () => new SimulationThread({ plan, keep: listener.onKept !== undefined }));
  try {
    await Promise.all(threads.map(work));
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
  return resultsOf(plan, runs);
}

/** One for each processor, as far as there are runs and memory for them. */
function threadCount(plan: SimulationPlan, runs: number): number {
  const fit = Math.floor((freemem() * 0.8) / (estimatedBytes(plan) + youngGenerationMib(subtasksOf(plan.job)) * 1024 ** 2));
  return Math.max(1, Math.min(availableParallelism(), runs, fit));
}

interface PartDone {
  readonly run: SimulatedRun;
  readonly kept: string | undefined;
}

class SimulationThread {
  private readonly worker: Worker;
  private onAnswer: (answer: SimulationThreadAnswer) => void = () => undefined;
  private onError: (error: Error) => void = () => undefined;

  constructor(workerData: SimulationThreadStart) {
    this.worker = ownThread(__dirname, "simulationThread", {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: getHeapStatistics().heap_size_limit / 1024 ** 2, maxYoungGenerationSizeMb: youngGenerationMib(subtasksOf(workerData.plan.job)) },
    });
    this.worker.on("message", (answer: SimulationThreadAnswer) => this.onAnswer(answer));
    this.worker.on("error", (error) => this.onError(error));
  }

  run(part: SimulationPart, onProgress: (share: number) => void): Promise<PartDone> {
    return new Promise((resolve, reject) => {
      this.onError = (error) => reject((error as NodeJS.ErrnoException).code === "ERR_WORKER_OUT_OF_MEMORY" ? tooLittleMemory(error) : error);
      this.onAnswer = (answer) => {
        if (answer.kind === "progress") onProgress(answer.share);
        else if (answer.kind === "done") resolve(answer);
        else reject(new FaultlineError(answer.problem));
      };
      this.worker.postMessage(part);
    });
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}

function tooLittleMemory(cause: Error): FaultlineError {
  const hint = "Simulate fewer tasks or a lower rate, or give Node more: NODE_OPTIONS=--max-old-space-size=8192.";
  return FaultlineError.of("FL1052", "The simulation needed more memory than it may use.", hint, undefined, cause);
}
