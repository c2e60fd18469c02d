/** Reader of compiled gettext catalogues (`.mo` files), after the GNU gettext manual, "The Format of GNU MO Files". */

/** One message of a catalogue. */
export interface CatalogEntry {
  /** The original, without its context. */
  readonly original: string;
  /** The translation; of a message with plural forms, the first form. */
  readonly translation: string;
}

const MAGIC = 0x950412de;
const CONTEXT_END = "\u0004";

/**
 * Reads all messages of a catalogue but its header.
 *
 * @throws Error when the file does not start with the magic number of a catalogue
 */
export function readCatalog(file: Buffer): CatalogEntry[] {
  const littleEndian = file.readUInt32LE(0) === MAGIC;
  if (!littleEndian && file.readUInt32BE(0) !== MAGIC) {
    throw new Error("This is not a compiled gettext catalogue: its first four bytes are not the magic number.");
  }
  const word = (offset: number): number => (littleEndian ? file.readUInt32LE(offset) : file.readUInt32BE(offset));
  const stringAt = (table: number, index: number): string => {
    const length = word(table + index * 8);
    const offset = word(table + index * 8 + 4);
    return file.toString("utf8", offset, offset + length).split("\0")[0];
  };
  const originals = word(12);
  const translations = word(16);
  const entries: CatalogEntry[] = [];
  for (let index = 0; index < word(8); index++) {
    const original = stringAt(originals, index).split(CONTEXT_END).at(-1) ?? "";
    const translation = stringAt(translations, index);
    if (original !== "" && translation !== "") {
      entries.push({ original, translation });
    }
  }
  return entries;
}
