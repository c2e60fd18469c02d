/**
 * The user functions of the job: a message becomes features, the features become a request to the model, and the
 * model's answer becomes the detected language.
 */

import { LABELS } from "./labels";
import type { Language } from "./labels";
import { NGRAM_SLOTS, hashedNgrams } from "./ngrams";

/** One line of `data/texts.ndjson`. */
export interface Message {
  readonly id: number;
  readonly text: string;
  /** The language the text was published in, where it is known. The model never sees it. */
  readonly language?: string;
}

/** A message with the input of the model. */
export interface MessageFeatures {
  readonly id: number;
  readonly text: string;
  /** The true language, or null where the message does not tell it. */
  readonly truth: string | null;
  /** {@link NGRAM_SLOTS} ids, see {@link hashedNgrams}. */
  readonly ngrams: Int32Array;
}

/** A message with the language the model found. */
export interface DetectedLanguage {
  readonly id: number;
  readonly text: string;
  readonly language: Language;
  /** The model's probability for `language`, 0 to 1. */
  readonly confidence: number;
  /** The true language, or null where the message does not tell it. */
  readonly truth: string | null;
}

/** A tensor of one record: the shape has no batch axis, which the service adds and takes away again. */
export interface RecordTensor {
  /** Data type in the Open Inference Protocol's names, for example `INT32` or `FP32`. */
  readonly type: string;
  readonly shape: readonly number[];
  readonly data: ArrayLike<number> | ArrayLike<bigint>;
}

/** Map function: the features of a message. */
export function toFeatures(message: Message): MessageFeatures {
  return {
    id: message.id,
    text: message.text,
    truth: message.language ?? null,
    ngrams: hashedNgrams(message.text),
  };
}

/** The inputs of the model for one record, by name. */
export function request(value: MessageFeatures): {
  readonly ngrams: { readonly type: "INT32"; readonly shape: readonly number[]; readonly data: Int32Array };
} {
  return { ngrams: { type: "INT32", shape: [NGRAM_SLOTS], data: value.ngrams } };
}

/**
 * The language with the highest probability.
 *
 * @param outputs the outputs of the model for this record, by name
 * @throws Error when the answer has no `probabilities` or not one for each of {@link LABELS}
 */
export function response(value: MessageFeatures, outputs: { readonly [name: string]: RecordTensor }): DetectedLanguage {
  const probabilities = outputs["probabilities"]?.data;
  if (probabilities === undefined) {
    throw new Error(`The model's answer has no output "probabilities"; it has: ${Object.keys(outputs).join(", ")}.`);
  }
  if (probabilities.length !== LABELS.length) {
    throw new Error(`The model gave ${probabilities.length} probabilities for ${LABELS.length} languages.`);
  }
  let best = 0;
  for (let label = 1; label < LABELS.length; label++) {
    if (probabilities[label] > probabilities[best]) {
      best = label;
    }
  }
  return {
    id: value.id,
    text: value.text,
    language: LABELS[best],
    confidence: Number(probabilities[best]),
    truth: value.truth,
  };
}
