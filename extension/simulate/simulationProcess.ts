/** A simulation in a process of its own: the command line that comes with the extension. The editor never waits for one. */
import { type ChildProcess, spawn } from "node:child_process";
import type { SimulationResult, SweepRow } from "../../simulator/observe/simulationResult";
import type { Problem } from "../../simulator/graph/errors";
import type { KeptJournal } from "../../webview/simulate/protocol";

export interface SimulationOutcome {
  readonly results?: readonly SimulationResult[];
  readonly sweep?: { readonly parameter: string; readonly points: readonly SweepRow[] };
  readonly journals: readonly KeptJournal[];
}

export interface SimulationProcessOptions {
  readonly node: string;
  readonly cli: string;
  readonly arguments: readonly string[];
  readonly onProgress: (share: number, what: string) => void;
}

/** Of an answer: thousands of combinations of a sweep come to a few megabytes. */
const MOST_CHARACTERS = 64 * 1024 * 1024;
/** Young objects are most of what a simulation makes: with more room for them it is a fifth faster. */
const NODE_OPTIONS = "--max-semi-space-size=64";

export class SimulationProcess {
  private readonly child: ChildProcess;
  private wasCancelled = false;
  /** `undefined` when it was cancelled; a problem when it could not be done. */
  readonly ended: Promise<SimulationOutcome | Problem | undefined>;

  constructor(options: SimulationProcessOptions) {
    this.child = spawn(options.node, [NODE_OPTIONS, options.cli, ...options.arguments], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", NO_COLOR: "1" },
      windowsHide: true,
    });
    this.ended = this.follow(options);
  }

  /** Ends it at once; what it has found so far is of no use. */
  cancel(): void {
    this.wasCancelled = true;
    this.child.kill("SIGKILL");
  }

  private async follow({ onProgress }: SimulationProcessOptions): Promise<SimulationOutcome | Problem | undefined> {
    const { child } = this;
    const journals: KeptJournal[] = [];
    const said: string[] = [];
    let answer = "";
    let line = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      if (answer.length < MOST_CHARACTERS) answer += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (line + text).split("\n");
      line = (lines.pop() ?? "").slice(0, 10_000);
      for (const one of lines) {
        const told = parsed<{ share?: number; what?: string; kept?: KeptJournal }>(one);
        if (told?.share !== undefined) onProgress(told.share, told.what ?? "");
        else if (told?.kept !== undefined) journals.push(told.kept);
        else if (said.length < 40) said.push(one);
      }
    });
    const failure = await new Promise<Error | undefined>((resolve) => {
      child.once("error", resolve);
      child.once("close", () => resolve(undefined));
    });
    if (this.wasCancelled) return undefined;
    if (failure !== undefined)
      return { code: "FL2001", message: `The simulation could not be started: ${failure.message}.` };
    const found = parsed<Omit<SimulationOutcome, "journals">>(answer);
    if (found !== undefined) return { ...found, journals };
    return problemFrom([...said, line].join("\n"), child.exitCode);
  }
}

function parsed<T>(text: string): T | undefined {
  if (!text.trimStart().startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** What the command line says of a problem: its code, a sentence, and what to do. */
function problemFrom(text: string, exitCode: number | null): Problem {
  const [, code, message] = /(FL\d{4}): (.+)/.exec(text) ?? [];
  const hint = text
    .split("\n")
    .map((one) => one.trim())
    .filter((one) => one !== "" && !one.includes(`${code}: `))
    .join(" ");
  if (code !== undefined && message !== undefined) {
    return { code: code as Problem["code"], message, ...(hint === "" ? {} : { hint }) };
  }
  return {
    code: "FL2001",
    message: `The simulation ended with exit code ${exitCode ?? "none"}. ${text.trim().slice(-300)}`.trim(),
  };
}
