/** How experiments go, for the person who waits: a bar with what runs now on a terminal, a line for each stage in a pipe. */
import type { ExperimentResult, ExperimentStage } from "../client/runExperiment";
import type { CommandIo } from "./commandIo";
import { ProgressBar } from "./progressBar";

const STAGES: Readonly<Record<ExperimentStage, string>> = { control: "without faults", faults: "with faults" };
const REFRESH_MS = 1_000;

export class ExperimentProgress {
  private over = 0;
  private readonly running = new Map<string, { readonly stage: ExperimentStage; readonly sinceMs: number }>();
  private readonly bar: ProgressBar;
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly io: CommandIo,
    private readonly wanted: boolean,
    private readonly count: number,
  ) {
    this.bar = new ProgressBar(io, wanted && io.isTerminal ? "bar" : "none");
    if (wanted && io.isTerminal) this.timer = setInterval(() => this.draw(), REFRESH_MS);
  }

  onStage(name: string, stage: ExperimentStage): void {
    this.running.set(name, { stage, sinceMs: performance.now() });
    if (this.io.isTerminal) this.draw();
    else this.say(`${name}: running ${STAGES[stage]}`);
  }

  /** Its verdict is printed next: the bar makes room. */
  onOver(name: string, { held, asExpected }: Pick<ExperimentResult, "held" | "asExpected">): void {
    this.running.delete(name);
    this.over++;
    this.bar.end();
    const verdict = held ? "held" : asExpected ? "did not hold, as it has to be" : "did not hold";
    if (this.count > 1) this.say(`${name}: ${verdict} (${this.over} of ${this.count})`);
  }

  end(): void {
    clearInterval(this.timer);
    this.bar.end();
  }

  private draw(): void {
    const stages = [...this.running.values()].filter(({ stage }) => stage === "faults").length;
    const now = performance.now();
    const running = [...this.running].map(([name, { stage, sinceMs }]) => `${name} ${STAGES[stage]}, ${Math.floor((now - sinceMs) / 1000)} s`);
    this.bar.show((this.over + stages / 2) / this.count, `${this.over} of ${this.count} over  ${running.join("; ")}`);
  }

  private say(line: string): void {
    if (this.wanted) this.io.err(`${line}\n`);
  }
}
