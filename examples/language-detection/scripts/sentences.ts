/** From paragraphs to sentences, and which of them are fit to be a message. */

import type { Language } from "../functions/labels";

/** Shortest and longest text, in Unicode code points. */
export const SHORTEST_TEXT = 20;
export const LONGEST_TEXT = 200;

const FEWEST_WORDS = 4;
const LEAST_SHARE_OF_LETTERS = 0.92;

/** Words that only English uses among the languages of the model: one of them in another language is a quotation. */
const ENGLISH_WORDS = /(?<!\p{L})(the|this|that|these|with|which|your|you|from|when|where|should)(?!\p{L})/iu;

const CYRILLIC_LETTERS = /\p{Script=Cyrillic}/gu;
const LATIN_LETTERS = /\p{Script=Latin}/gu;
const LETTERS = /\p{L}/gu;

/** The sentences of a paragraph, by the Unicode rules for the language (UAX #29). */
export function sentencesOf(paragraph: string, language: Language): string[] {
  const segmenter = new Intl.Segmenter(language, { granularity: "sentence" });
  return [...segmenter.segment(paragraph)].map(({ segment }) => segment.trim());
}

/**
 * Whether a sentence is natural language in the one language it is published in: a whole sentence of a fitting length,
 * mostly letters of the language's script, without code, addresses, paths through menus, names in capitals or English
 * remnants.
 */
export function isMessage(sentence: string, language: Language): boolean {
  const length = [...sentence].length;
  return (
    length >= SHORTEST_TEXT &&
    length <= LONGEST_TEXT &&
    /^[¿¡«“„"'(]?\p{Lu}/u.test(sentence) &&
    /[.!?…][»”“"')]?$/u.test(sentence) &&
    !/[<>{}[\]|=_\\/@#$%^~*+`]|--|::|\.\.\p{L}|\p{L}\.\p{L}|\(\)|www|http/u.test(sentence) &&
    !/ [-–] .* [-–] /u.test(sentence) &&
    !/\p{Ll}\p{Lu}/u.test(sentence) &&
    !/\p{Lu}{3}.*\p{Lu}{3}/u.test(sentence) &&
    (sentence.match(/\p{L}{2,}/gu)?.length ?? 0) >= FEWEST_WORDS &&
    shareOfLetters(sentence, length) >= LEAST_SHARE_OF_LETTERS &&
    isInScriptOf(sentence, language) &&
    (language === "en" || !ENGLISH_WORDS.test(sentence))
  );
}

/** Letters and spaces count; digits and punctuation do not. */
function shareOfLetters(sentence: string, length: number): number {
  return (sentence.match(/[\p{L}\p{M} ]/gu)?.length ?? 0) / length;
}

/** Russian and Ukrainian may name a program in Latin letters; the others have no letter of another script. */
function isInScriptOf(sentence: string, language: Language): boolean {
  const letters = sentence.match(LETTERS)?.length ?? 0;
  const cyrillic = sentence.match(CYRILLIC_LETTERS)?.length ?? 0;
  if (language === "ru" || language === "uk") {
    return cyrillic / letters >= 0.75;
  }
  return (sentence.match(LATIN_LETTERS)?.length ?? 0) === letters;
}

/** What is left of a text when case, digits, punctuation and spacing are ignored. Two such texts count as the same. */
export function textKey(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{M}]+/gu, " ")
    .trim();
}
