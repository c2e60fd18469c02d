/** How a run goes, for the person who waits: one line that is written over on a terminal, plain lines in a pipe. */
import type { JournalEvent, JournalEventOf } from "../observe/journalEvent";
import type { CommandIo } from "./commandIo";
import type { Paint } from "./paint";

const REFRESH_MS = 250;

export class RunProgress {
  private startedAt: number | undefined;
  private lastDrawnAt = 0;
  private lineOpen = false;
  private jobState = "STARTING";
  private recordsOut = 0;
  private requests = 0;
  private checkpoints = 0;
  /** A real Flink, whose services nobody sees here. */
  private onFlink = false;
  private readonly instances = new Map<string, string>();
  private readonly sources = new Set<string>();

  /** Without a `paint`, nothing is shown. */
  constructor(
    private readonly io: CommandIo,
    private readonly paint: Paint | undefined,
  ) {}

  observe(event: JournalEvent): void {
    const { paint } = this;
    this.startedAt ??= event.at;
    switch (event.kind) {
      case "run.started": {
        const { run, graph } = event;
        for (const vertex of graph.vertices) {
          if (vertex.operators[0]?.kind === "source") this.sources.add(vertex.id);
        }
        this.onFlink = run.engine === "flink";
        const how = run.deployment === "" ? "" : `, deployment ${run.deployment}`;
        this.say(`Run ${run.id}: ${run.job}, ${graph.regions.length} pipelined regions${how}`);
        if (this.onFlink) this.addSinks(graph);
        return;
      }
      case "job.state":
        this.jobState = event.to;
        this.say(`Job ${event.to}${event.cause === undefined ? "" : `: ${event.cause.message}`}`);
        return;
      case "instance.phase": {
        const device = event.device ?? "";
        this.instances.set(event.instance, event.phase);
        if (event.phase === "READY") this.say(`${event.instance} is ready on ${device}${event.attempt > 0 ? ` (attempt ${event.attempt})` : ""}`);
        return;
      }
      case "fault.injected":
        this.say(paint?.yellow(`Fault: ${event.fault} on ${event.target}`));
        return;
      case "process.lost":
        if (!event.expected) this.say(paint?.red(`${event.process} is gone`));
        return;
      case "failover":
        this.say(
          `Restarting ${count(event.tasks.length, "stream task")} and ${count(event.instances.length, "instance")}; ${event.untouched} untouched`,
        );
        return;
      case "failover.compared":
        this.say(
          event.agrees
            ? paint?.green(`Flink restarted the ${count(event.actual, "task")} that were predicted`)
            : paint?.red(`Flink restarted ${count(event.actual, "task")}, ${event.predicted} were predicted`),
        );
        return;
      case "failover.finished":
        this.say(paint?.green("All of them run again"));
        return;
      case "checkpoint.completed":
        this.checkpoints++;
        return;
      case "savepoint.completed":
        this.say(paint?.green(`Savepoint: ${event.path}`));
        return;
      case "savepoint.restored": {
        const changes = event.rescaled.map(({ operator, from, to }) => `${operator} ${from} → ${to}`);
        this.say(`Begins from ${event.path}${changes.length === 0 ? "" : ` (${changes.join(", ")})`}`);
        return;
      }
      case "checkpoint.damaged":
        this.say(paint?.yellow(`Checkpoint ${event.checkpoint} is damaged: ${event.cause.message}`));
        return;
      case "log":
        if (event.level !== "info") this.say(`${event.process}: ${event.message}`);
        return;
      case "metrics":
        for (const [task, metrics] of Object.entries(event.tasks ?? {})) {
          if (this.sources.has(task.slice(0, task.lastIndexOf("#"))))
            this.recordsOut += this.onFlink ? metrics.recordsIn : metrics.recordsOut;
          this.requests += metrics.rpc?.succeeded ?? 0;
        }
        this.draw(event.at);
        return;
      default:
    }
  }

  end(): void {
    this.closeLine();
  }

  /** A plan does not say which operators are sources; records into the vertices without outputs are counted. */
  private addSinks({ vertices, edges }: JournalEventOf<"run.started">["graph"]): void {
    const producing = new Set(edges.map(({ source }) => source));
    for (const { id } of vertices) if (!producing.has(id)) this.sources.add(id);
  }

  private draw(at: number): void {
    if (this.paint === undefined || at - this.lastDrawnAt < (this.io.isTerminal ? REFRESH_MS : 2_000)) return;
    this.lastDrawnAt = at;
    const phases = [...this.instances].map(([name, phase]) => `${name} ${phase}`).join("  ");
    const line = `${this.time(at)} ${this.jobState}  ${this.recordsOut} records  ${this.onFlink ? "" : `${this.requests} inferences  `}${this.checkpoints} checkpoints  ${phases}`;
    if (!this.io.isTerminal) {
      this.io.err(`${line}\n`);
      return;
    }
    this.io.err(`\r\u001b[2K${line.slice(0, this.io.columns - 1)}`);
    this.lineOpen = true;
  }

  private say(text: string | undefined): void {
    if (this.paint === undefined || text === undefined) return;
    this.closeLine();
    this.io.err(`${text}\n`);
  }

  private closeLine(): void {
    if (this.lineOpen) this.io.err("\r\u001b[2K");
    this.lineOpen = false;
  }

  private time(at: number): string {
    return `${((at - (this.startedAt ?? at)) / 1000).toFixed(1).padStart(5)} s`;
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
