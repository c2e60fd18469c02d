/**
 * The part of the simulator that starts runs and talks to them. It is loaded when the first run is started or looked for, not
 * when the extension is activated.
 */
import type { listRuns, openRun } from "../../simulator/client/openRun";
import type { startRun } from "../../simulator/client/startRun";

export interface RunClient {
  readonly startRun: typeof startRun;
  readonly openRun: typeof openRun;
  readonly listRuns: typeof listRuns;
}

let loaded: Promise<RunClient> | undefined;

export function loadRunClient(): Promise<RunClient> {
  loaded ??= Promise.all([import("../../simulator/client/startRun"), import("../../simulator/client/openRun")]).then(
    ([start, open]) => ({ ...start, ...open }),
  );
  return loaded;
}
