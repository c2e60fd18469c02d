/** A run as its folder and its socket show it, whoever started it. */
import type { RunRecord } from "../cluster/runDirectory";
import { runPaths } from "../cluster/runDirectory";
import { followJournal } from "../observe/journalReader";
import type { Run } from "./run";
import { callRun } from "./runCall";
import { continueCoordinator } from "./stoppedCoordinator";
import { takeSavepoint } from "./takeSavepoint";

/** How often a coordinator that is asked to heal is looked at: it may be stopped while it is asked. */
const LOOK_MS = 250;
/** One that was stopped has a backlog to work off before it answers. */
const HEAL_TIMEOUT_MS = 15_000;

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
    heal: () => heal(record),
    stop: async (mode) => void (await callRun(record, { kind: "stop", mode })),
    scale: async (service, parallelism) => void (await callRun(record, { kind: "scale", service, parallelism })),
    checkpoint: async () => void (await callRun(record, { kind: "checkpoint" })),
    savepoint: (options) => takeSavepoint(record, options),
  };
}

async function heal(record: RunRecord): Promise<void> {
  continueCoordinator(record.directory);
  const looking = setInterval(() => continueCoordinator(record.directory), LOOK_MS);
  try {
    await callRun(record, { kind: "heal" }, HEAL_TIMEOUT_MS);
  } finally {
    clearInterval(looking);
  }
}

async function waitForEnd(record: RunRecord): Promise<{ readonly state: string; readonly exitCode: number }> {
  let state = "UNKNOWN";
  for await (const event of followJournal(runPaths.journal(record.directory), {})) {
    if (event.kind === "run.ended") state = event.state;
  }
  return { state, exitCode: state === "FAILED" ? 1 : 0 };
}
