/** A thread that simulates: it takes one run of a plan after the other, and tells how far it is and what came out. */
import { parentPort, workerData } from "node:worker_threads";
import type { Problem } from "../graph/errors";
import { FaultlineError } from "../graph/errors";
import type { JournalKeeper, SimulationPart, SimulationPlan } from "../virtual/simulation";
import { combinations, runPart } from "../virtual/simulation";
import type { SimulatedRun } from "../virtual/simulationRun";
import { KeptSimulation } from "./keptSimulation";

export interface SimulationThreadStart {
  readonly plan: SimulationPlan;
  /** The journal of each combination's first seed is kept as a run. */
  readonly keep: boolean;
}

export type SimulationThreadAnswer =
  | { readonly kind: "progress"; readonly share: number }
  /** `kept`: the run that its journal is kept as. */
  | { readonly kind: "done"; readonly run: SimulatedRun; readonly kept: string | undefined }
  | { readonly kind: "failed"; readonly problem: Problem };

const { plan, keep } = workerData as SimulationThreadStart;
const tell = (answer: SimulationThreadAnswer): void => parentPort?.postMessage(answer);

parentPort?.on("message", (part: SimulationPart) => {
  try {
    const kept = keep && part.seed === 0 ? KeptSimulation.begin(combinations(plan)[part.combination].job) : undefined;
    const keeper: JournalKeeper | undefined = kept && { add: (event) => kept.add(event), end: (state) => kept.end(state) };
    const run = runPart(plan, part, (share) => tell({ kind: "progress", share }), keeper);
    tell({ kind: "done", run, kept: kept?.id });
  } catch (error) {
    // Anything else is a mistake of ours, and ends the thread.
    if (!(error instanceof FaultlineError)) throw error;
    tell({ kind: "failed", problem: error.problems[0] });
  }
});
