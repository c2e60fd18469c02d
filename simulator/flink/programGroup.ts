/**
 * A foreign program of this machine with everything that it starts: a JVM, and the Python workers that it has for functions. They are one process
 * group, with a shell as its leader; whoever is left of it is ended by the group's id when the program is gone, however it ended.
 *
 * Such programs know nothing of the lifeline of a run. The shell holds it as file descriptor 3, and a second one that watches it ends the whole
 * group with SIGKILL when it is cut. That watcher lives as long as the group, so that the group's id cannot become another one's before it is used.
 *
 * What makes a session or a group of its own is out of reach. Windows has no such groups: there it is the program alone, without a lifeline.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Readable } from "node:stream";

export interface ProgramOptions {
  /** File descriptor for what the program writes; without one it is given to {@link onOutput}. */
  readonly log?: number;
  readonly onOutput?: (text: string) => void;
  readonly cwd?: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface ProgramExit {
  readonly code: number | null;
  readonly signal: string | null;
}

const IS_WINDOWS = process.platform === "win32";

const GROUP = `
"$@" 3<&- 4>&- &
program=$!
( read -r nothing; kill -s KILL -- -$$ ) <&3 3<&- 4>&- >/dev/null 2>&1 &
echo "$program" >&4
exec 3<&- 4>&-
wait $program
exit $?
`;

/** Dying takes the kernel a moment. This only ends what hangs in it. */
const END_LIMIT_MS = 5_000;
const END_POLL_MS = 10;

export class ProgramGroup {
  /** Process id of the program itself, which alone is hit by faults; an Error when it could not be started. */
  readonly started: Promise<number>;
  /** Resolves when the program is gone; whoever is left of its group has had SIGKILL then. */
  readonly exited: Promise<ProgramExit>;
  private readonly shell: ChildProcess;
  private isKilled = false;

  constructor(command: string, args: readonly string[], { log, onOutput, cwd, env }: ProgramOptions) {
    const output = log ?? "pipe";
    const [file, ...rest] = IS_WINDOWS ? [command, ...args] : ["/bin/sh", "-c", GROUP, "sh", command, ...args];
    this.shell = spawn(file, rest, {
      stdio: ["ignore", output, output, "pipe", "pipe"],
      detached: !IS_WINDOWS,
      ...(cwd === undefined ? {} : { cwd }),
      env,
    });
    const { shell } = this;
    for (const stream of [shell.stdout, shell.stderr])
      stream?.on("data", (chunk: Buffer) => onOutput?.(chunk.toString()));
    shell.stdio[3]?.on("error", () => undefined);
    this.started = IS_WINDOWS && shell.pid !== undefined ? Promise.resolve(shell.pid) : startedProgram(shell);
    // Whoever only waits for the end is told by it.
    this.started.catch(() => undefined);
    shell.once("exit", () => this.kill());
    this.exited = new Promise((resolve) => {
      shell.once("error", () => resolve({ code: null, signal: null }));
      // What is written to us has to be read to its end.
      shell.once(log === undefined ? "close" : "exit", (code: number | null, signal: string | null) =>
        resolve(exitOf(code, signal)),
      );
    });
  }

  /** Ends the program and everything it started, and resolves when all of it is gone. */
  async end(): Promise<void> {
    this.kill();
    await this.exited;
    const until = Date.now() + END_LIMIT_MS;
    while (this.isThere() && Date.now() < until) await sleep(END_POLL_MS);
  }

  /** Once: afterwards the id may be another group's. */
  private kill(): void {
    if (this.isKilled) return;
    this.isKilled = true;
    this.signalGroup("SIGKILL");
  }

  private isThere(): boolean {
    const { pid } = this.shell;
    if (pid === undefined || !this.signalGroup(0)) return false;
    return process.platform !== "linux" || hasLiveMember(pid);
  }

  private signalGroup(signal: NodeJS.Signals | 0): boolean {
    const { pid } = this.shell;
    if (pid === undefined) return false;
    try {
      return process.kill(IS_WINDOWS ? pid : -pid, signal);
    } catch {
      return false;
    }
  }
}

/** One that is dead and was not collected yet still has the group's id; the first process of a container may take its time, or never do it. */
function hasLiveMember(group: number): boolean {
  return readdirSync("/proc").some((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      const [, state, itsGroup] = /^\d+ \(.*\) (\S) \d+ (\d+)/s.exec(readFileSync(`/proc/${entry}/stat`, "utf8")) ?? [];
      return state !== "Z" && state !== "X" && Number(itsGroup) === group;
    } catch {
      return false;
    }
  });
}

function startedProgram(shell: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    const told = shell.stdio[4] as Readable | undefined | null;
    told?.on("error", () => undefined);
    told?.on("data", (chunk: Buffer) => (text += chunk.toString()));
    told?.on("end", () =>
      /^\d+\n$/.test(text) ? resolve(Number(text)) : reject(new Error("the shell over it ended at once")),
    );
    shell.once("error", reject);
  });
}

/** The shell says 128 + the signal that ended the program. */
function exitOf(code: number | null, signal: string | null): ProgramExit {
  if (code === null || code <= 128) return { code, signal };
  const name = code === 137 ? "SIGKILL" : code === 143 ? "SIGTERM" : `signal ${code - 128}`;
  return { code: null, signal: name };
}
