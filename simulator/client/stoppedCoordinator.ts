/**
 * A coordinator that is stopped (SIGSTOP), which answers nobody and can be told nothing: whoever wants it to go on signals its process. It is
 * found by its command line at that moment, so that a process id that somebody else has by now is not hit.
 */
import { processesOfRun, processState } from "../cluster/processesOfRun";

/** @returns false also where the system does not tell */
export function isCoordinatorStopped(directory: string): boolean {
  return coordinators(directory).some((pid) => processState(pid) === "T");
}

/** A process that goes on does not notice SIGCONT; where the system does not tell who is stopped, it is sent all the same. */
export function continueCoordinator(directory: string): void {
  for (const pid of coordinators(directory)) {
    if ((processState(pid) ?? "T") !== "T") continue;
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It is gone.
    }
  }
}

function coordinators(directory: string): readonly number[] {
  return (processesOfRun(directory) ?? []).flatMap(({ name, pid }) => (name === "coordinator" ? [pid] : []));
}
