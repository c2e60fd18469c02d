/** The two files of texts: those of the stream, and those the model is trained on. One JSON object a line. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Language } from "../functions/labels";
import type { Source } from "./paragraphs";

/** The example's own folder. */
export const EXAMPLE_FOLDER = join(__dirname, "..");

/** The stream: texts the model has never seen. */
export const STREAM_FILE = join(EXAMPLE_FOLDER, "data", "texts.ndjson");

/** The texts the model is trained on. */
export const TRAINING_FILE = join(EXAMPLE_FOLDER, "data", "train.ndjson");

/** What was taken from where, under which licence. */
export const SOURCES_PAGE = join(EXAMPLE_FOLDER, "data", "SOURCES.md");

/** One line of the training file. */
export interface TrainingText {
  readonly text: string;
  readonly language: Language;
  /** The work it was taken from, which says its licence: see data/SOURCES.md. */
  readonly source: Source;
}

/** One line of the stream. Ids count from 0 without a gap, in the order of the file. */
export interface StreamText extends TrainingText {
  readonly id: number;
}

export function readTexts<Text extends TrainingText>(file: string): Text[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Text);
}

export function writeTexts(file: string, texts: readonly TrainingText[]): void {
  writeFileSync(file, texts.map((text) => JSON.stringify(text) + "\n").join(""));
}
