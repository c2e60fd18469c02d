/** What can only be known of an experiment with its job at hand: checked before anything is started. */
import { machineFacilities } from "../cluster/machineFacilities";
import { checkAvailable, findFault } from "../faults/catalogue";
import type { Experiment, Hypothesis } from "../faults/experiment";
import { matchTargets } from "../faults/faultTarget";
import { checkTarget, targetsOf } from "../faults/jobTargets";
import type { ErrorLocation, Problem } from "../graph/errors";
import { FaultlineError } from "../graph/errors";
import type { JobSpec } from "../graph/jobFile";
import { loadJobFile } from "./jobFileLoading";

/** @throws FaultlineError with every finding: those of the job file, targets and names that it does not have, faults that cannot act on this machine. */
export async function checkExperiment(experiment: Experiment): Promise<void> {
  const read = await loadJobFile(experiment.jobFile);
  const { deployment } = experiment;
  const job: JobSpec = deployment === undefined ? read : { ...read, services: read.services.map((service) => ({ ...service, deployment })) };
  const problems = [
    ...experiment.faults.flatMap(({ fault, target, location }) =>
      findingsOf(location, () => {
        checkTarget(job, target);
        checkAvailable(findFault(fault), machineFacilities());
      }),
    ),
    ...experiment.hypothesis.flatMap((hypothesis) => findingsOf(hypothesis.location, () => checkNames(job, hypothesis))),
  ];
  const [first, ...more] = problems;
  if (first !== undefined) throw new FaultlineError(first, more);
}

function findingsOf(location: ErrorLocation | undefined, check: () => void): readonly Problem[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof FaultlineError)) throw error;
    return error.problems.slice(0, 1).map((problem) => ({ ...problem, location }));
  }
}

/** What a hypothesis is about has to be there: one about nothing would hold always. */
function checkNames(job: JobSpec, { probe, of }: Hypothesis): void {
  if (of === undefined) return;
  const targets = targetsOf(job);
  const named = (prefix: string): readonly string[] => targets.filter((target) => target.startsWith(prefix)).map((target) => target.slice(prefix.length));
  if (probe === "peakMemoryBytes") matchTargets(of, targets.filter((target) => !target.startsWith("task:")));
  else matchTargets(of, named(probe === "instancesRestarted" ? "service:" : "task:"));
}
