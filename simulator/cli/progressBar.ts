/** How far something long is: a bar that is written over on a terminal, a line now and then in a pipe. */
import type { CommandIo } from "./commandIo";

const REFRESH_MS = 150;
const WIDTH = 28;

export class ProgressBar {
  private drawnAt = 0;
  private saidShare = -1;
  private open = false;

  constructor(
    private readonly io: CommandIo,
    private readonly wanted: boolean,
  ) {}

  /** @param share of the whole, 0 to 1. */
  show(share: number, what: string): void {
    if (!this.wanted) return;
    if (!this.io.isTerminal) {
      const tenth = Math.floor(share * 10);
      if (tenth <= this.saidShare || tenth === 0) return;
      this.saidShare = tenth;
      this.io.err(`${tenth * 10} %: ${what}\n`);
      return;
    }
    const now = Date.now();
    if (now - this.drawnAt < REFRESH_MS && share < 1) return;
    this.drawnAt = now;
    this.open = true;
    const full = Math.round(share * WIDTH);
    const line = `${"█".repeat(full)}${"░".repeat(WIDTH - full)} ${String(Math.floor(share * 100)).padStart(3)} %  ${what}`;
    this.io.err(`\r\u001b[2K${line.slice(0, this.io.columns - 1)}`);
  }

  end(): void {
    if (this.open) this.io.err("\r\u001b[2K");
    this.open = false;
  }
}
