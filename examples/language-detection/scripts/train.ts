/**
 * Trains the model of this example and writes model/langid.onnx:
 *
 *     npx tsx examples/language-detection/scripts/train.ts
 *     npx tsx examples/language-detection/scripts/train.ts --check
 *
 * With --check nothing is written: the model is trained again and compared with the one that is there, byte for byte.
 * Exit 0: fine. 1: the model differs, ONNX Runtime and this program do not agree, or the accuracy on the texts of the
 * stream is below 0.97. 2: bad usage.
 */

import "./quietRuntime";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { LABELS } from "../functions/labels";
import { NGRAM_BUCKETS, NGRAM_SLOTS, hashedNgrams } from "../functions/ngrams";
import { INPUT, OUTPUT, encodeOnnxModel } from "./onnxModel";
import { SOURCES } from "./paragraphs";
import { indexOfGreatest, predict, trainSoftmax } from "./softmaxModel";
import type { Sample, SoftmaxModel, TrainingOptions } from "./softmaxModel";
import { EXAMPLE_FOLDER, STREAM_FILE, TRAINING_FILE, readTexts } from "./textFiles";
import type { StreamText, TrainingText } from "./textFiles";

const MODEL_FILE = join(EXAMPLE_FOLDER, "model", "langid.onnx");

/** Chosen on every fifth training text held out; the texts of the stream had no say in them. */
const OPTIONS: TrainingOptions = { epochs: 10, stepSize: 0.03, decay: 0, seed: 1 };

const LEAST_ACCURACY = 0.97;
const GREATEST_DIFFERENCE = 1e-4;
const BATCH_SIZES = [1, 32];

const DESCRIPTION =
  "Tells the language of a short text from its hashed character n-grams: a linear softmax model. " +
  "Trained on sentences of LibreOffice Help, GNOME Help and Battle for Wesnoth.";

async function main(parameters: readonly string[]): Promise<void> {
  const check = parameters.includes("--check");
  if (parameters.some((parameter) => parameter !== "--check")) {
    console.error("Usage: train.ts [--check]");
    process.exitCode = 2;
    return;
  }
  const training = readTexts<TrainingText>(TRAINING_FILE);
  const stream = readTexts<StreamText>(STREAM_FILE);
  const languages = [...new Set(training.map(({ language }) => language))].sort();
  if (languages.join() !== [...LABELS].join()) {
    throw new Error(`functions/labels.ts must list the languages of the training texts: ${languages.join(", ")}.`);
  }

  const model = trainSoftmax(training.map(sampleOf), NGRAM_BUCKETS, LABELS.length, OPTIONS);
  const file = encodeOnnxModel(model, LABELS, DESCRIPTION);
  console.log(`Trained on ${training.length} texts: ${file.length} bytes, sha256 ${sha256(file)}`);

  const samples = stream.map(sampleOf);
  const found = samples.map(({ ngrams }) => indexOfGreatest(predict(model, ngrams)));
  printAccuracy(stream, samples, found);
  const problems = await compareWithOnnxRuntime(file, model, samples, found);
  const accuracy = share(samples.filter(({ label }, index) => found[index] === label).length, samples.length);
  if (accuracy < LEAST_ACCURACY) {
    problems.push(`The accuracy is ${accuracy.toFixed(4)}, below ${LEAST_ACCURACY}.`);
  }
  if (check) {
    const committed = sha256(readFileSync(MODEL_FILE));
    if (committed !== sha256(file)) {
      problems.push(`model/langid.onnx differs from what training gives: its sha256 is ${committed}.`);
    } else {
      console.log("model/langid.onnx is the same, byte for byte.");
    }
  } else if (problems.length === 0) {
    mkdirSync(dirname(MODEL_FILE), { recursive: true });
    writeFileSync(MODEL_FILE, file);
    console.log("Written to model/langid.onnx.");
  }
  for (const problem of problems) {
    console.error(problem);
    process.exitCode = 1;
  }
}

function sampleOf({ text, language }: TrainingText): Sample {
  return { ngrams: hashedNgrams(text), label: LABELS.indexOf(language) };
}

/** Runs all samples through ONNX Runtime, in batches of each size, and says where it and `predict` disagree. */
async function compareWithOnnxRuntime(
  file: Uint8Array,
  model: SoftmaxModel,
  samples: readonly Sample[],
  found: readonly number[],
): Promise<string[]> {
  const session = await InferenceSession.create(file, { executionProviders: ["cpu"] });
  const problems: string[] = [];
  for (const batchSize of BATCH_SIZES) {
    let greatestDifference = 0;
    let correct = 0;
    let sameAnswer = 0;
    for (let start = 0; start < samples.length; start += batchSize) {
      const batch = samples.slice(start, start + batchSize);
      const ngrams = new Int32Array(batch.length * NGRAM_SLOTS);
      batch.forEach((sample, row) => ngrams.set(sample.ngrams, row * NGRAM_SLOTS));
      const input = new Tensor("int32", ngrams, [batch.length, NGRAM_SLOTS]);
      const output = (await session.run({ [INPUT]: input }))[OUTPUT].data as Float32Array;
      batch.forEach((sample, row) => {
        const theirs = output.subarray(row * LABELS.length, (row + 1) * LABELS.length);
        predict(model, sample.ngrams).forEach((ours, label) => {
          greatestDifference = Math.max(greatestDifference, Math.abs(ours - theirs[label]));
        });
        const answer = indexOfGreatest(theirs);
        correct += answer === sample.label ? 1 : 0;
        sameAnswer += answer === found[start + row] ? 1 : 0;
      });
    }
    console.log(
      `ONNX Runtime, batches of ${batchSize}: accuracy ${share(correct, samples.length).toFixed(4)}, ` +
        `probabilities differ by ${greatestDifference.toExponential(1)} at most`,
    );
    if (greatestDifference > GREATEST_DIFFERENCE || sameAnswer !== samples.length) {
      problems.push(`With batches of ${batchSize}, ONNX Runtime does not answer as the trained model does.`);
    }
  }
  await session.release();
  return problems;
}

function printAccuracy(stream: readonly StreamText[], samples: readonly Sample[], found: readonly number[]): void {
  const line = (name: string, belongs: (text: StreamText) => boolean): void => {
    const indexes = stream.map((_, index) => index).filter((index) => belongs(stream[index]));
    const correct = indexes.filter((index) => found[index] === samples[index].label).length;
    const accuracy = share(correct, indexes.length).toFixed(4);
    console.log(`  ${name.padEnd(20)}${String(indexes.length).padStart(6)} texts   accuracy ${accuracy}`);
  };
  console.log("On the texts of the stream, none of which was trained on:");
  LABELS.forEach((label) => line(label, ({ language }) => language === label));
  SOURCES.forEach((name) => line(name, ({ source }) => source === name));
  line("all", () => true);
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
