/** Times for a simulation, taken from the journal of a run on this machine. */
import { runPaths } from "../cluster/runDirectory";
import { FaultlineError } from "../graph/errors";
import { readJournal } from "../observe/journalReader";
import { Calibration } from "../virtual/calibration";
import type { SimulatedTimings } from "../virtual/simulatedTimings";
import { DEFAULT_TIMINGS } from "../virtual/simulatedTimings";
import { findRun } from "./openRun";

/** @param run id, `latest`, or folder. @throws FaultlineError FL1040 */
export async function calibrationOf(run: string): Promise<SimulatedTimings> {
  const record = await findRun(run);
  const calibration = new Calibration();
  let events = 0;
  for await (const event of readJournal(runPaths.journal(record.directory))) {
    calibration.observe(event);
    events++;
  }
  if (events === 0) throw FaultlineError.of("FL1040", `The run "${run}" has no events to take times from.`);
  return calibration.timings(DEFAULT_TIMINGS);
}
