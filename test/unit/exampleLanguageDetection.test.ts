import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { LABELS } from "../../examples/language-detection/functions/labels";
import { request, response, toFeatures } from "../../examples/language-detection/functions/messages";
import type { DetectedLanguage, Message } from "../../examples/language-detection/functions/messages";
import {
  NGRAM_BUCKETS,
  NGRAM_SLOTS,
  PADDING_ID,
  hashedNgrams,
} from "../../examples/language-detection/functions/ngrams";
import { NearDuplicateIndex } from "../../examples/language-detection/scripts/nearDuplicates";
import { INPUT, OUTPUT, encodeOnnxModel } from "../../examples/language-detection/scripts/onnxModel";
import { LONGEST_TEXT, SHORTEST_TEXT, textKey } from "../../examples/language-detection/scripts/sentences";
import { exponential, predict, trainSoftmax } from "../../examples/language-detection/scripts/softmaxModel";
import type { Sample } from "../../examples/language-detection/scripts/softmaxModel";
import {
  EXAMPLE_FOLDER,
  SOURCES_PAGE,
  STREAM_FILE,
  TRAINING_FILE,
  readTexts,
} from "../../examples/language-detection/scripts/textFiles";
import type { StreamText, TrainingText } from "../../examples/language-detection/scripts/textFiles";

const MODEL_FILE = join(EXAMPLE_FOLDER, "model", "langid.onnx");

/** The model's answers to messages, in batches of this size, by way of the job's own functions. */
async function detect(
  session: InferenceSession,
  messages: readonly Message[],
  batchSize: number,
): Promise<DetectedLanguage[]> {
  const detected: DetectedLanguage[] = [];
  for (let start = 0; start < messages.length; start += batchSize) {
    const batch = messages.slice(start, start + batchSize).map(toFeatures);
    const ngrams = new Int32Array(batch.length * NGRAM_SLOTS);
    batch.forEach((value, row) => ngrams.set(request(value).ngrams.data, row * NGRAM_SLOTS));
    const outputs = await session.run({ ngrams: new Tensor("int32", ngrams, [batch.length, NGRAM_SLOTS]) });
    const { data, dims } = outputs["probabilities"];
    assert.deepEqual([...dims], [batch.length, LABELS.length]);
    batch.forEach((value, row) => {
      const ofRecord = (data as Float32Array).slice(row * LABELS.length, (row + 1) * LABELS.length);
      detected.push(response(value, { probabilities: { type: "FP32", shape: [LABELS.length], data: ofRecord } }));
    });
  }
  return detected;
}

describe("the language detection example", () => {
  describe("its texts", () => {
    let stream: StreamText[];
    let training: TrainingText[];

    before(() => {
      stream = readTexts<StreamText>(STREAM_FILE);
      training = readTexts<TrainingText>(TRAINING_FILE);
    });

    it("number the stream from 0 without a gap", () => {
      assert.ok(stream.length >= 6_000 && stream.length <= 12_000, `${stream.length} texts`);
      stream.forEach(({ id }, index) => assert.equal(id, index));
    });

    it("are short, in NFC and on one line, in at least eight languages, each in both parts", () => {
      for (const { text } of [...stream, ...training]) {
        const length = [...text].length;
        assert.ok(length >= SHORTEST_TEXT && length <= LONGEST_TEXT, text);
        assert.equal(text, text.normalize("NFC"));
        assert.ok(!/[\n\r\t<>]/.test(text), text);
      }
      for (const part of [stream, training]) {
        assert.deepEqual([...new Set(part.map(({ language }) => language))].sort(), [...LABELS]);
      }
      assert.ok(LABELS.length >= 8);
    });

    it("name a source that SOURCES.md gives a licence for, and the licence is there", () => {
      const page = readFileSync(SOURCES_PAGE, "utf8");
      for (const source of new Set([...stream, ...training].map((text) => text.source))) {
        const row = page.split("\n").find((line) => line.startsWith(`| \`${source}\``));
        const licence = /\(([^()]*\.txt)\)/.exec(row ?? "")?.[1];
        assert.ok(licence !== undefined, `SOURCES.md has no row for ${source}`);
        assert.ok(existsSync(join(EXAMPLE_FOLDER, "data", licence)), licence);
      }
    });

    it("stay small", () => {
      assert.ok(statSync(STREAM_FILE).size <= 2_000_000);
      assert.ok(statSync(TRAINING_FILE).size <= 3_000_000);
    });

    it("have no text in both parts, and none twice", () => {
      const keys = new Set<string>();
      for (const { text } of [...stream, ...training]) {
        const key = textKey(text);
        assert.ok(!keys.has(key), text);
        keys.add(key);
      }
    });

    it("have no training text that is nearly the same as one of the stream", function () {
      this.timeout(60_000);
      for (const language of LABELS) {
        const index = new NearDuplicateIndex();
        const ofStream = stream.filter((text) => text.language === language);
        ofStream.forEach(({ text }) => index.add(text));
        // The index sees what it is meant to see: a text with one word more.
        assert.ok(index.hasNearDuplicateOf(`${ofStream[0].text} ${ofStream[0].text.split(" ")[0]}`));
        for (const { text } of training.filter((other) => other.language === language)) {
          assert.ok(!index.hasNearDuplicateOf(text), text);
        }
      }
    });
  });

  describe("hashedNgrams", () => {
    const ids = (text: string): number[] => [...hashedNgrams(text)].filter((id) => id !== PADDING_ID);

    it("gives ids of the weight table, padded to one length", () => {
      const vector = hashedNgrams("Wo ist die Straße?");
      assert.equal(vector.length, NGRAM_SLOTS);
      assert.ok(vector.every((id) => id >= 0 && id < NGRAM_BUCKETS));
      assert.ok(vector.indexOf(PADDING_ID) > 0);
      assert.ok(vector.subarray(vector.indexOf(PADDING_ID)).every((id) => id === PADDING_ID));
    });

    it("takes every n-gram of one word with its two ends", () => {
      // " ab ": a, b; " a", "ab", "b "; " ab", "ab "; " ab ".
      assert.equal(ids("ab").length, 8);
      assert.equal(new Set(ids("ab")).size, 8);
    });

    it("does not reach from one word into the next", () => {
      assert.deepEqual(ids("ab cd").sort(), [...ids("ab"), ...ids("cd")].sort());
    });

    it("is blind to case, digits, punctuation and Unicode normal form", () => {
      assert.deepEqual(hashedNgrams("Año nuevo, 2024!"), hashedNgrams("an\u0303o NUEVO"));
      assert.deepEqual(hashedNgrams("l’ordinateur"), hashedNgrams("l'ordinateur"));
    });

    it("gives only padding where there is no letter", () => {
      for (const text of ["", "   ", "12 34 !?", "\ud83d"]) {
        assert.deepEqual(hashedNgrams(text), new Int32Array(NGRAM_SLOTS));
      }
    });

    it("thins a long text evenly, so that its end still counts", () => {
      const long = "Deze zin is lang genoeg om alle plaatsen te vullen. ".repeat(20);
      const vector = hashedNgrams(long);
      assert.ok(vector.every((id) => id !== PADDING_ID));
      assert.deepEqual(vector, hashedNgrams(long));
      assert.notDeepEqual(
        vector,
        hashedNgrams(long.slice(0, -52) + "Ein anderer Satz steht ganz am Ende dieses Textes. "),
      );
    });
  });

  describe("its model", () => {
    let session: InferenceSession;
    let messages: StreamText[];

    before(async () => {
      session = await InferenceSession.create(MODEL_FILE, { executionProviders: ["cpu"] });
      messages = readTexts<StreamText>(STREAM_FILE);
    });

    after(() => session.release());

    it("is at most 2 MB, with one input and one output and its labels inside", () => {
      const file = readFileSync(MODEL_FILE);
      assert.ok(file.length <= 2_000_000, `${file.length} bytes`);
      assert.deepEqual([...session.inputNames], [INPUT]);
      assert.deepEqual([...session.outputNames], [OUTPUT]);
      assert.ok(file.includes(LABELS.join(",")));
    });

    it("finds the language of at least 97 in 100 texts of the stream, and of each language at least 95", async function () {
      this.timeout(60_000);
      const detected = await detect(session, messages, 32);
      const right = detected.filter(({ language, truth }) => language === truth).length;
      assert.ok(right / messages.length >= 0.97, `${right} of ${messages.length}`);
      for (const label of LABELS) {
        const ofLanguage = detected.filter(({ truth }) => truth === label);
        const found = ofLanguage.filter(({ language }) => language === label).length;
        assert.ok(found / ofLanguage.length >= 0.95, `${label}: ${found} of ${ofLanguage.length}`);
      }
    });

    it("answers alike whatever the batch", async () => {
      const some = messages.slice(0, 96);
      const alone = await detect(session, some, 1);
      const together = await detect(session, some, 32);
      alone.forEach((one, index) => {
        assert.equal(one.language, together[index].language);
        assert.ok(Math.abs(one.confidence - together[index].confidence) < 1e-5);
      });
    });
  });

  describe("its user functions", () => {
    const value = toFeatures({ id: 7, text: "Où est la gare ?", language: "fr" });

    it("carry the message through to the answer", () => {
      const data = new Float32Array(LABELS.length).fill(0.01);
      data[LABELS.indexOf("fr")] = 0.88;
      const detected = response(value, { probabilities: { type: "FP32", shape: [LABELS.length], data } });
      assert.deepEqual(
        { ...detected, confidence: detected.confidence.toFixed(2) },
        { id: 7, text: "Où est la gare ?", language: "fr", confidence: "0.88", truth: "fr" },
      );
      assert.equal(toFeatures({ id: 8, text: "Bonjour" }).truth, null);
    });

    it("ask with one record, without a batch axis", () => {
      assert.deepEqual(request(value), { ngrams: { type: "INT32", shape: [NGRAM_SLOTS], data: value.ngrams } });
    });

    it("refuse an answer of another model", () => {
      const tensor = { type: "FP32", shape: [2], data: new Float32Array(2) };
      assert.throws(() => response(value, { scores: tensor }), /no output "probabilities"; it has: scores/);
      assert.throws(() => response(value, { probabilities: tensor }), /2 probabilities for 13 languages/);
    });
  });

  describe("its training", () => {
    const options = { epochs: 3, stepSize: 0.03, decay: 0, seed: 1 };
    let samples: Sample[];

    before(() => {
      samples = readTexts<TrainingText>(TRAINING_FILE)
        .slice(0, 600)
        .map(({ text, language }) => ({ ngrams: hashedNgrams(text), label: LABELS.indexOf(language) }));
    });

    it("gives the same file for the same texts and seed, and another for another seed", function () {
      this.timeout(30_000);
      const file = (seed: number): Uint8Array =>
        encodeOnnxModel(trainSoftmax(samples, NGRAM_BUCKETS, LABELS.length, { ...options, seed }), LABELS, "A test.");
      const first = file(1);
      assert.ok(Buffer.from(first).equals(file(1)));
      assert.ok(!Buffer.from(first).equals(file(2)));
    });

    it("writes a file that answers in ONNX Runtime as the model does here", async function () {
      this.timeout(30_000);
      const model = trainSoftmax(samples, NGRAM_BUCKETS, LABELS.length, options);
      const session = await InferenceSession.create(encodeOnnxModel(model, LABELS, "A test."));
      try {
        for (const { ngrams } of samples.slice(0, 50)) {
          const outputs = await session.run({ [INPUT]: new Tensor("int32", ngrams, [1, NGRAM_SLOTS]) });
          const theirs = outputs[OUTPUT].data as Float32Array;
          predict(model, ngrams).forEach((ours, label) => assert.ok(Math.abs(ours - theirs[label]) < 1e-4));
        }
      } finally {
        await session.release();
      }
    });

    it("has an exponential function that is exact to nine digits", () => {
      for (let x = 0; x >= -60; x -= 0.37) {
        assert.ok(Math.abs(exponential(x) / Math.exp(x) - 1) < 1e-9, `e^${x}`);
      }
      assert.equal(exponential(-1000), 0);
    });
  });
});
