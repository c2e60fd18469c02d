/** Memory and open files of a run's processes over time, as the operating system shows them, and the size of its journal. Linux only. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { runProcesses } from "./runProcesses";

export interface Sample {
  readonly atMs: number;
  readonly residentBytes: number;
  readonly descriptors: number;
}

export class ProcessSamples {
  /** By process name; a process that was started again goes on in the row of the one before. */
  readonly rows = new Map<string, Sample[]>();
  readonly journal: { readonly atMs: number; readonly bytes: number }[] = [];
  private readonly timer: NodeJS.Timeout;
  private readonly startedAt = performance.now();

  constructor(
    private readonly runDirectory: string,
    private readonly ownerPid: number,
    intervalMs = 500,
  ) {
    this.timer = setInterval(() => this.look(), intervalMs);
  }

  end(): void {
    clearInterval(this.timer);
  }

  /** Of what a process showed between two times: the median, so that one that is just starting does not count for all. */
  between(
    name: string,
    fromMs: number,
    toMs: number,
  ): { readonly residentBytes: number; readonly descriptors: number } {
    const samples = (this.rows.get(name) ?? []).filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    return {
      residentBytes: median(samples.map(({ residentBytes }) => residentBytes)),
      descriptors: median(samples.map(({ descriptors }) => descriptors)),
    };
  }

  journalGrowth(fromMs: number, toMs: number): number {
    const within = this.journal.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    return (within.at(-1)?.bytes ?? NaN) - (within.at(0)?.bytes ?? NaN);
  }

  private look(): void {
    const atMs = performance.now() - this.startedAt;
    const processes = new Map([...runProcesses(this.runDirectory), ["owner", this.ownerPid]]);
    for (const [name, pid] of processes) {
      try {
        const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        const descriptors = readdirSync(`/proc/${pid}/fd`).length;
        if (resident === undefined) continue;
        const row = this.rows.get(name) ?? [];
        this.rows.set(name, row);
        row.push({ atMs, residentBytes: Number(resident) * 1024, descriptors });
      } catch {
        // It ended between the two looks.
      }
    }
    const bytes = statSync(join(this.runDirectory, "journal.ndjson"), { throwIfNoEntry: false })?.size;
    if (bytes !== undefined) this.journal.push({ atMs, bytes });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
