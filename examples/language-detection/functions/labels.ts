/**
 * The languages the model tells apart, as ISO 639-1 codes, in the order of the model's output `probabilities`.
 *
 * `scripts/train.ts` refuses to write a model whose labels differ from these; the model carries the same list in its
 * metadata under the key `labels`.
 */
export const LABELS = ["ca", "da", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "ru", "sv", "uk"] as const;

/** One of the languages of {@link LABELS}. */
export type Language = (typeof LABELS)[number];
