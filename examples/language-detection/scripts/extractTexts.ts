/**
 * Takes the texts of this example out of unpacked Debian packages:
 *
 *     npx tsx examples/language-detection/scripts/extractTexts.ts FOLDER
 *
 * FOLDER holds one folder for each package, of the package's name, with its unpacked files; data/SOURCES.md lists the
 * packages with the commands that fetch and unpack them. Writes data/texts.ndjson, data/train.ndjson and
 * data/SOURCES.md. The same packages give the same bytes.
 *
 * A document (a help page, a game campaign, a chapter) belongs either to the stream or to the training texts, in all
 * its languages; the installation guide belongs to the stream as a whole, so that one kind of text is wholly new to the
 * model. After that a training text is dropped when it is the same or nearly the same as a text of the stream.
 */

import { LABELS } from "../functions/labels";
import type { Language } from "../functions/labels";
import { NearDuplicateIndex } from "./nearDuplicates";
import { SOURCES, readParagraphs } from "./paragraphs";
import type { Paragraph, Source } from "./paragraphs";
import { seededRandom, shuffle } from "./seededRandom";
import { isMessage, sentencesOf, textKey } from "./sentences";
import { writeSourcesPage } from "./sourcesPage";
import { STREAM_FILE, TRAINING_FILE, writeTexts } from "./textFiles";
import type { StreamText, TrainingText } from "./textFiles";

/** A sentence that is fit to be a text, with the paragraph it stands in. */
export interface Candidate extends TrainingText {
  readonly paragraph: Paragraph;
}

/** How many texts of each source a language should have; where a source has fewer, the others fill up. */
type Quota = Readonly<Record<Source, number>>;

const STREAM_QUOTA: Quota = { "libreoffice-help": 240, "gnome-help": 200, wesnoth: 200, "installation-guide": 160 };
const TRAINING_QUOTA: Quota = { "libreoffice-help": 500, "gnome-help": 450, wesnoth: 550, "installation-guide": 0 };

/** The campaigns of the game that are played in the stream; the others are training texts. */
const STREAM_CAMPAIGNS: ReadonlySet<string> = new Set(["wesnoth-httt", "wesnoth-trow", "wesnoth-tb"]);

const SEED = 20_260_101;

async function main(folders: readonly string[]): Promise<void> {
  if (folders.length !== 1) {
    console.error("Usage: extractTexts.ts FOLDER, the folder with the unpacked packages (see data/SOURCES.md).");
    process.exitCode = 2;
    return;
  }
  const [root] = folders;
  const random = seededRandom(SEED);
  const candidates = shuffle(readCandidates(readParagraphs(root)), random);
  const stream: Candidate[] = [];
  const training: Candidate[] = [];
  for (const language of LABELS) {
    const ofLanguage = candidates.filter((candidate) => candidate.language === language);
    const taken = new NearDuplicateIndex();
    stream.push(...take(ofLanguage.filter(isForStream), STREAM_QUOTA, taken));
    // The same index goes on, so that a training text is compared with the texts of the stream as well.
    training.push(
      ...take(
        ofLanguage.filter((candidate) => !isForStream(candidate)),
        TRAINING_QUOTA,
        taken,
      ),
    );
  }
  shuffle(stream, random);
  shuffle(training, random);
  writeTexts(
    STREAM_FILE,
    stream.map(({ text, language, source }, id): StreamText => ({ id, text, language, source })),
  );
  writeTexts(
    TRAINING_FILE,
    training.map(({ text, language, source }): TrainingText => ({ text, language, source })),
  );
  await writeSourcesPage(root, stream, training);
  console.log(`${stream.length} texts for the stream, ${training.length} to train on.`);
}

/**
 * The sentences that are fit to be a text. One that is published alike in two languages is left out; where English is
 * one of them it was not translated in the other, and stays as an English one.
 */
function readCandidates(paragraphs: readonly Paragraph[]): Candidate[] {
  const languageOfKey = new Map<string, Language | "several">();
  const candidates: Candidate[] = [];
  for (const paragraph of paragraphs) {
    const { language, source } = paragraph;
    for (const text of sentencesOf(paragraph.text, language)) {
      const key = textKey(text);
      const known = languageOfKey.get(key);
      if (known === undefined || language === "en") {
        languageOfKey.set(key, language);
      } else if (known !== language && known !== "en") {
        languageOfKey.set(key, "several");
      }
      if (isMessage(text, language)) {
        candidates.push({ text, language, source, paragraph });
      }
    }
  }
  return candidates.filter(({ text, language }) => languageOfKey.get(textKey(text)) === language);
}

function isForStream({ paragraph: { source, document } }: Candidate): boolean {
  switch (source) {
    case "installation-guide":
      return true;
    case "wesnoth":
      return STREAM_CAMPAIGNS.has(document);
    case "gnome-help":
      return documentHash(document) % 2 === 0;
    case "libreoffice-help":
      return documentHash(document) % 4 === 0;
  }
}

/** FNV-1a over the name of a document: a split that does not depend on the order of reading. */
function documentHash(document: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < document.length; index++) {
    hash = Math.imul(hash ^ document.charCodeAt(index), 0x01000193);
  }
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Takes texts up to the quota of each source, none nearly the same as one taken before, then fills up to the sum. */
function take(candidates: readonly Candidate[], quota: Quota, taken: NearDuplicateIndex): Candidate[] {
  const chosen: Candidate[] = [];
  const left = new Set(candidates);
  const takeFrom = (source: Source, wanted: number): void => {
    let missing = wanted;
    for (const candidate of left) {
      if (missing <= 0) {
        return;
      }
      if (candidate.source === source) {
        left.delete(candidate);
        if (!taken.hasNearDuplicateOf(candidate.text)) {
          taken.add(candidate.text);
          chosen.push(candidate);
          missing--;
        }
      }
    }
  };
  for (const source of SOURCES) {
    takeFrom(source, quota[source]);
  }
  const total = SOURCES.reduce((sum, source) => sum + quota[source], 0);
  for (const source of SOURCES) {
    takeFrom(source, total - chosen.length);
  }
  return chosen;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
