/**
 * A linear softmax model over bags of n-grams: the logits of a text are the sum of one row of weights for each of its
 * n-grams, plus a bias. Trained with stochastic gradient descent with Adagrad's step sizes (Duchi, Hazan and Singer,
 * 2011).
 *
 * Only additions, multiplications, divisions and square roots are used. IEEE 754 rounds those exactly, so that training
 * gives the same bytes on every machine; `Math.exp` is free to differ in the last bit from one engine to the next.
 */

import { PADDING_ID } from "../functions/ngrams";
import { seededRandom, shuffle } from "./seededRandom";

/** A text as the model sees it, with the index of its language. */
export interface Sample {
  readonly ngrams: Int32Array;
  readonly label: number;
}

/** The weights of the model. */
export interface SoftmaxModel {
  readonly labels: number;
  /** One row of `labels` weights for each n-gram id; the row of the padding id is zero. */
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

export interface TrainingOptions {
  /** How often all samples are gone through. */
  readonly epochs: number;
  /** Adagrad's step size. */
  readonly stepSize: number;
  /** Pull of the weights in use towards zero at each step. */
  readonly decay: number;
  /** Seed of the order of the samples. */
  readonly seed: number;
}

/** Trains a model for n-gram ids below `buckets` and labels below `labels`. */
export function trainSoftmax(
  samples: readonly Sample[],
  buckets: number,
  labels: number,
  options: TrainingOptions,
): SoftmaxModel {
  const weights = new Float64Array(buckets * labels);
  const squares = new Float64Array(buckets * labels).fill(1e-6);
  const bias = new Float64Array(labels);
  const biasSquares = new Float64Array(labels).fill(1e-6);
  const probabilities = new Float64Array(labels);
  const random = seededRandom(options.seed);
  const order = [...samples];
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    for (const { ngrams, label } of shuffle(order, random)) {
      probabilities.set(bias);
      addRows(weights, ngrams, probabilities);
      softmax(probabilities);
      for (let other = 0; other < labels; other++) {
        const gradient = probabilities[other] - (other === label ? 1 : 0);
        biasSquares[other] += gradient * gradient;
        bias[other] -= (options.stepSize * gradient) / Math.sqrt(biasSquares[other]);
      }
      for (const id of ngrams) {
        if (id === PADDING_ID) {
          continue;
        }
        const row = id * labels;
        for (let other = 0; other < labels; other++) {
          const at = row + other;
          const gradient = probabilities[other] - (other === label ? 1 : 0) + options.decay * weights[at];
          squares[at] += gradient * gradient;
          weights[at] -= (options.stepSize * gradient) / Math.sqrt(squares[at]);
        }
      }
    }
  }
  return { labels, weights: Float32Array.from(weights), bias: Float32Array.from(bias) };
}

/** The probabilities of the labels for one text. */
export function predict(model: SoftmaxModel, ngrams: Int32Array): Float64Array {
  const probabilities = Float64Array.from(model.bias);
  addRows(model.weights, ngrams, probabilities);
  softmax(probabilities);
  return probabilities;
}

/** The index of the greatest number; the first of several. */
export function indexOfGreatest(numbers: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < numbers.length; index++) {
    if (numbers[index] > numbers[best]) {
      best = index;
    }
  }
  return best;
}

function addRows(weights: Float64Array | Float32Array, ngrams: Int32Array, sum: Float64Array): void {
  const labels = sum.length;
  for (const id of ngrams) {
    if (id === PADDING_ID) {
      continue;
    }
    const row = id * labels;
    for (let label = 0; label < labels; label++) {
      sum[label] += weights[row + label];
    }
  }
}

/** Turns logits into probabilities, in place. */
function softmax(logits: Float64Array): void {
  const greatest = logits[indexOfGreatest(logits)];
  let sum = 0;
  for (let label = 0; label < logits.length; label++) {
    logits[label] = exponential(logits[label] - greatest);
    sum += logits[label];
  }
  for (let label = 0; label < logits.length; label++) {
    logits[label] /= sum;
  }
}

/** e to the power of `x`, for `x` of 0 or less, by a power series near 0 and repeated squaring; 0 below -700. */
export function exponential(x: number): number {
  if (x < -700) {
    return 0;
  }
  const small = x / 1024;
  let power =
    1 + small * (1 + (small / 2) * (1 + (small / 3) * (1 + (small / 4) * (1 + (small / 5) * (1 + small / 6)))));
  for (let doubling = 0; doubling < 10; doubling++) {
    power *= power;
  }
  return power;
}
