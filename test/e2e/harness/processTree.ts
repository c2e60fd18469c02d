/**
 * The processes that a test started, seen through /proc: descendants of a process id, and processes that carry a mark in
 * their environment, with their descendants. The mark finds those too that left their parent behind (a detached process
 * whose parent has ended belongs to process 1), and it can be inherited only from the process we started with it.
 * Descendants are needed as well: Chromium's renderers write their title over their environment.
 */
import { readFileSync, readdirSync } from "node:fs";

export interface ProcessInfo {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  /** Start time in clock ticks since boot: with the pid it names one process for good. */
  readonly startTicks: number;
  readonly command: readonly string[];
}

/** The process, or undefined when it has ended; one that only waits to be collected by its parent counts as ended. */
export function processInfo(pid: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name between the parentheses may hold anything, spaces and parentheses included.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, parentPid, groupId] = fields;
    if (state === "Z" || state === "X") return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8")
      .split("\0")
      .filter((part) => part !== "");
    return { pid, parentPid: Number(parentPid), groupId: Number(groupId), startTicks: Number(fields[19]), command };
  } catch {
    return undefined;
  }
}

export function allProcesses(): ProcessInfo[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => processInfo(Number(name)))
    .filter((info) => info !== undefined);
}

/** Children, their children and so on; without the process itself. */
export function descendantsOf(pid: number): ProcessInfo[] {
  return withDescendants(new Set([pid]), allProcesses()).filter((info) => info.pid !== pid);
}

/** Processes whose environment, as it was when they were started, holds NAME=VALUE; and all their descendants. */
export function processesMarked(name: string, value: string): ProcessInfo[] {
  const all = allProcesses();
  const mark = `${name}=${value}`;
  const marked = all.filter((info) => environmentOf(info.pid).includes(mark));
  return withDescendants(new Set(marked.map((info) => info.pid)), all);
}

function withDescendants(pids: Set<number>, all: readonly ProcessInfo[]): ProcessInfo[] {
  for (let before = -1; before !== pids.size;) {
    before = pids.size;
    for (const info of all) if (pids.has(info.parentPid)) pids.add(info.pid);
  }
  return all.filter((info) => pids.has(info.pid));
}

function environmentOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}

export function isRunning(info: ProcessInfo): boolean {
  return processInfo(info.pid)?.startTicks === info.startTicks;
}

/** One line for an error message. */
export function describeProcess(info: ProcessInfo): string {
  return `${info.pid} ${info.command.join(" ").slice(0, 200)}`;
}
