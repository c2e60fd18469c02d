/** The world as a command sees it: where it writes, and what the person asked for. */
import { createInterface } from "node:readline/promises";

export type OutputFormat = "text" | "json";

export interface CommandIo {
  /** Standard output: the answer. With `--format json` exactly one document. */
  out(text: string): void;
  /** Standard error: progress and problems. */
  err(text: string): void;
  /** Whether a person looks at standard error. */
  readonly isTerminal: boolean;
  readonly columns: number;
  /** Colours are wanted on standard output. */
  readonly colors: boolean;
  /** Asks a person for a line; absent where nobody sits at a terminal. */
  readonly ask?: (question: string) => Promise<string>;
}

export const processIo: CommandIo = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isTerminal: process.stderr.isTTY,
  columns: process.stdout.columns || 100,
  colors: process.stdout.isTTY && process.env.NO_COLOR === undefined,
  ...(process.stdin.isTTY && process.stderr.isTTY ? { ask: askOnTerminal } : {}),
};

async function askOnTerminal(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    // Ctrl-D is no answer.
    return await Promise.race([terminal.question(question), new Promise<string>((resolve) => terminal.once("close", () => resolve("")))]);
  } finally {
    terminal.close();
  }
}
