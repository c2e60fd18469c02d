/** The processes of a run as the operating system shows them: who there is, and what has become of whom. Linux only. */
import { readdirSync, readFileSync } from "node:fs";

const ENTRIES = ["coordinator.js", "taskManager.js", "serviceInstance.js"];

/** Process name (`taskmanager:0`, `service:langid#1`, `coordinator`) → process id, of what runs or is stopped in the folder's name. */
export function runProcesses(runDirectory: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const parts = commandLine(Number(entry));
    const at = parts.findIndex((part) => ENTRIES.some((name) => part.endsWith(`/${name}`)));
    if (at < 0 || !isAlive(Number(entry))) continue;
    // A coordinator names a folder for each of its jobs.
    const isCoordinator = parts[at]?.endsWith("/coordinator.js") === true;
    const names = isCoordinator ? parts.slice(at + 1) : parts.slice(at + 1, at + 2);
    if (names.includes(runDirectory)) found.set(isCoordinator ? "coordinator" : (parts[at + 2] ?? ""), Number(entry));
  }
  return found;
}

/** Every process whose command line names the text, zombies not counted. */
export function processesNaming(text: string): number[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) return [];
    return commandLine(Number(entry)).some((part) => part.includes(text)) && isAlive(Number(entry))
      ? [Number(entry)]
      : [];
  });
}

/** It is there, and neither dead nor waiting for its parent to notice. */
export function isAlive(pid: number): boolean {
  return ![undefined, "Z", "X"].includes(stateOf(pid));
}

export function isStopped(pid: number): boolean {
  return stateOf(pid) === "T";
}

function stateOf(pid: number): string | undefined {
  try {
    return /^\d+ \(.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}
