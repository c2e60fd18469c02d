/** The journal of a run as it lies on disk, in pieces that a message can carry. */
import { open } from "node:fs/promises";

const PIECE_BYTES = 8 * 1024 * 1024;

export interface JournalPiece {
  readonly bytes: Uint8Array;
  readonly last: boolean;
}

/**
 * Up to where the file ended when it was opened; what is added meanwhile comes as events.
 * @throws what the file system throws.
 */
export async function* journalPieces(
  file: string,
  pieceBytes = PIECE_BYTES,
): AsyncGenerator<JournalPiece, void, undefined> {
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    let at = 0;
    do {
      // Each its own memory: a message may take it along.
      const bytes = new Uint8Array(Math.min(pieceBytes, size - at));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, at);
      at += bytesRead;
      const last = at >= size || bytesRead === 0;
      yield { bytes: bytesRead === bytes.length ? bytes : bytes.slice(0, bytesRead), last };
      if (last) return;
    } while (at < size);
  } finally {
    await handle.close();
  }
}
