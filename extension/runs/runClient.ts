/**
 * The part of the simulator that starts runs and talks to them. It is loaded when the first run is started or looked for, not
 * when the extension is activated.
 */
import type { listRuns } from "../../simulator/client/listRuns";
import type { openRun } from "../../simulator/client/openRun";
import type { startRun } from "../../simulator/client/startRun";

export interface RunClient {
  readonly startRun: typeof startRun;
  readonly openRun: typeof openRun;
  readonly listRuns: typeof listRuns;
}

let loaded: Promise<RunClient> | undefined;

export function loadRunClient(): Promise<RunClient> {
  loaded ??= Promise.all([
    import("../../simulator/client/startRun"),
    import("../../simulator/client/openRun"),
    import("../../simulator/client/listRuns"),
  ]).then(([start, open, list]) => ({ ...start, ...open, ...list }));
  return loaded;
}
