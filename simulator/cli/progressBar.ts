/** How far something long is: a bar that is written over on a terminal, a line now and then in a pipe, or JSON for another program. */
import type { CommandIo } from "./commandIo";

export type ProgressForm = "bar" | "json";

const REFRESH_MS = 150;
const WIDTH = 28;

export class ProgressBar {
  private drawnAt = 0;
  private saidShare = -1;
  private open = false;
  private readonly parent = process.ppid;

  constructor(
    private readonly io: CommandIo,
    private readonly form: ProgressForm | "none",
  ) {}

  /** @param share of the whole, 0 to 1. */
  show(share: number, what: string): void {
    if (this.form === "none") return;
    const now = Date.now();
    if (this.form === "json") {
      if (now - this.drawnAt < REFRESH_MS) return;
      this.drawnAt = now;
      // Who wanted to know is gone: nobody will read the answer.
      if (process.ppid !== this.parent) process.exit(1);
      this.tell({ share, what });
      return;
    }
    if (!this.io.isTerminal) {
      const tenth = Math.floor(share * 10);
      if (tenth <= this.saidShare || tenth === 0) return;
      this.saidShare = tenth;
      this.io.err(`${tenth * 10} %: ${what}\n`);
      return;
    }
    if (now - this.drawnAt < REFRESH_MS && share < 1) return;
    this.drawnAt = now;
    this.open = true;
    const full = Math.round(share * WIDTH);
    const line = `${"█".repeat(full)}${"░".repeat(WIDTH - full)} ${String(Math.floor(share * 100)).padStart(3)} %  ${what}`;
    this.io.err(`\r\u001b[2K${line.slice(0, this.io.columns - 1)}`);
  }

  /** Something that only another program wants to know. */
  tell(document: object): void {
    if (this.form === "json") this.io.err(`${JSON.stringify(document)}\n`);
  }

  end(): void {
    if (this.open) this.io.err("\r\u001b[2K");
    this.open = false;
  }
}
