/**
 * The processes of a run as the operating system shows them, whoever started them. A coordinator that takes over learns from it whom it has to
 * wait for, and who of its predecessor's must not stay; a process that loses its lifeline wakes those that are stopped, for they
 * cannot see it.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import type { ProcessName } from "../observe/journalEvent";

const ENTRY = /[/\\](?:coordinator|taskManager|serviceInstance)(?:Main)?\.(?:js|ts)$/;

/**
 * Every other process of the run in a folder: its name (`coordinator` for a coordinator) and process id. Zombies are not among them.
 * @returns undefined where the system does not tell (Windows).
 */
export function processesOfRun(
  directory: string,
): readonly { readonly name: ProcessName; readonly pid: number }[] | undefined {
  if (process.platform === "win32") return undefined;
  const lines = process.platform === "linux" ? linuxCommandLines() : listedCommandLines();
  return lines?.flatMap(({ pid, args }) => {
    const name = pid === process.pid ? undefined : processName(args, directory);
    return name === undefined ? [] : [{ name, pid }];
  });
}

/** Goes on with whoever of the run is stopped. */
export function wakeProcessesOfRun(directory: string): void {
  for (const { pid } of processesOfRun(directory) ?? []) {
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It is gone.
    }
  }
}

/** `… ENTRY DIRECTORY NAME …`; a coordinator has no name there, but a folder for each of its jobs. */
function processName(args: readonly string[], directory: string): ProcessName | undefined {
  const at = args.findIndex((arg) => ENTRY.test(arg));
  if (at < 0) return undefined;
  if (/[/\\]coordinator[^/\\]*$/.test(args[at] ?? "")) return args.slice(at + 1).includes(directory) ? "coordinator" : undefined;
  return args[at + 1] === directory ? args[at + 2] : undefined;
}

/** A zombie has no command line. */
function linuxCommandLines(): { readonly pid: number; readonly args: readonly string[] }[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      return [{ pid: Number(entry), args: readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0") }];
    } catch {
      return [];
    }
  });
}

/** Other Unix systems: `ps` joins the arguments with spaces, so that a folder with a space in its name is not found there. */
function listedCommandLines(): { readonly pid: number; readonly args: readonly string[] }[] | undefined {
  try {
    const text = execFileSync("ps", ["-axww", "-o", "pid=,command="], {
      encoding: "utf8",
      timeout: 5_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    return text.split("\n").flatMap((line) => {
      const [, pid, command] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? [];
      return pid === undefined || command === undefined ? [] : [{ pid: Number(pid), args: command.split(" ") }];
    });
  } catch {
    return undefined;
  }
}

/** `T` stopped, `S` sleeping, … as Linux tells it in /proc; undefined elsewhere. */
export function processState(pid: number): string | undefined {
  try {
    return /^\d+ \(.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
