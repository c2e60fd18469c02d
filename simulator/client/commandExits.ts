/** A person's own checks of a run (the probe `commandExit`). */
import { spawnSync } from "node:child_process";
import type { Hypothesis } from "../faults/experiment";

const COMMAND_LIMIT_MS = 60_000;

/** Exit codes by command; each is run in the folder of the run. */
export function exitsOfCommands(
  hypothesis: readonly Hypothesis[],
  directory: string,
): ReadonlyMap<string, number | null> {
  const exits = new Map<string, number | null>();
  for (const { command } of hypothesis) if (command !== undefined) exits.set(command, exitOf(command, directory));
  return exits;
}

function exitOf(command: string, directory: string): number | null {
  return spawnSync(command, {
    shell: true,
    cwd: directory,
    env: { ...process.env, FAULTLINE_RUN: directory },
    stdio: "ignore",
    timeout: COMMAND_LIMIT_MS,
  }).status;
}
