import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { journalPieces } from "../../extension/graph/journalPieces";

describe("a journal on its way to the view", () => {
  const folder = mkdtempSync(join(tmpdir(), "faultline-pieces-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [size, pieces] of [
    [0, 1],
    [10, 1],
    [64, 1],
    [65, 2],
    [1000, 16],
  ] as const) {
    it(`cuts ${size} bytes into ${pieces} pieces of at most 64, the last one marked`, async () => {
      const file = join(folder, `${size}.ndjson`);
      const whole = Buffer.from(Array.from({ length: size }, (_, i) => i % 251));
      writeFileSync(file, whole);
      const seen: Uint8Array[] = [];
      const marks: boolean[] = [];
      for await (const { bytes, last } of journalPieces(file, 64)) {
        seen.push(bytes);
        marks.push(last);
        // Written by a run that goes on: that comes as events.
        appendFileSync(file, "more");
      }
      assert.deepEqual(marks, [...Array<boolean>(pieces - 1).fill(false), true]);
      assert.deepEqual(Buffer.concat(seen), whole);
      assert.ok(
        seen.every(({ byteLength, buffer }) => byteLength === buffer.byteLength),
        "each owns its memory",
      );
    });
  }
});
