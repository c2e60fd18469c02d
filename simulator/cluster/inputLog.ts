/**
 * What the JobMaster was told, in order: `inputs.ndjson` beside the journal. With it a run can be decided once more, from the same beginning and
 * by the same inputs, and has to come to the same decisions (`client/sameDecisions.ts`). Each line is with the operating system before anything
 * that the input brings about.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import type { CompletedCheckpoint } from "../core/checkpoint";
import type { JobMasterInput, RecoveredJob } from "../core/jobMasterState";
import { runPaths } from "./runDirectory";

export type InputLine =
  /** A coordinator began, anew or where another one had died. */
  | { readonly kind: "begin"; readonly seed: number; readonly recovered: RecoveredJob | undefined; readonly initial: CompletedCheckpoint | undefined }
  | { readonly kind: "input"; readonly nowMs: number; readonly input: JobMasterInput };

export class InputLog {
  private file: number | undefined;

  constructor(directory: string) {
    this.file = openSync(runPaths.inputs(directory), "a", 0o600);
  }

  write(line: InputLine): void {
    if (this.file === undefined) return;
    try {
      writeSync(this.file, `${JSON.stringify(line, encode)}\n`);
    } catch {
      // A full disk is for the journal to tell of; what is missing here only cannot be decided once more.
      this.close();
    }
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }
}

/** A last line that is cut off is left out. */
export function readInputs(directory: string): readonly InputLine[] {
  const text = readFileSync(runPaths.inputs(directory), "utf8");
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line, decode) as InputLine);
}

const MAP = "\u0000map";
const SET = "\u0000set";

function encode(_key: string, value: unknown): unknown {
  if (value instanceof Map) return { [MAP]: [...(value as Map<unknown, unknown>)] };
  if (value instanceof Set) return { [SET]: [...(value as Set<unknown>)] };
  return value;
}

function decode(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { [MAP]: entries, [SET]: members } = value as Record<string, unknown>;
  if (Array.isArray(entries)) return new Map(entries as [unknown, unknown][]);
  if (Array.isArray(members)) return new Set(members as unknown[]);
  return value;
}
