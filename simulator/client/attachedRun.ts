/** A run as its folder and its socket show it, whoever started it. */
import type { RunRecord } from "../cluster/runDirectory";
import { runPaths } from "../cluster/runDirectory";
import { followJournal } from "../observe/journalReader";
import type { Run } from "./run";
import { callRun } from "./runCall";
import { takeSavepoint } from "./takeSavepoint";

export function attachRun(record: RunRecord): Run {
  return {
    ...runControls(record),
    owned: false,
    get ended() {
      return waitForEnd(record);
    },
    dispose: () => Promise.resolve(),
  };
}

/** What can be done with a run whoever owns it. */
export function runControls(record: RunRecord): Omit<Run, "owned" | "ended" | "dispose"> {
  return {
    id: record.id,
    directory: record.directory,
    events: (signal) => followJournal(runPaths.journal(record.directory), { signal }),
    inject: async ({ parameters = {}, ...request }) => void (await callRun(record, { kind: "inject", parameters, ...request })),
    heal: async () => void (await callRun(record, { kind: "heal" })),
    stop: async (mode) => void (await callRun(record, { kind: "stop", mode })),
    scale: async (service, parallelism) => void (await callRun(record, { kind: "scale", service, parallelism })),
    savepoint: (options) => takeSavepoint(record, options),
  };
}

async function waitForEnd(record: RunRecord): Promise<{ readonly state: string; readonly exitCode: number }> {
  let state = "UNKNOWN";
  for await (const event of followJournal(runPaths.journal(record.directory), {})) {
    if (event.kind === "run.ended") state = event.state;
  }
  return { state, exitCode: state === "FAILED" ? 1 : 0 };
}
