/** Lines and rows of a text that comes in pieces. */

/** Lines without their line ends; a last line without one counts, an empty last one does not. */
export async function* readLines(pieces: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let rest = "";
  for await (const piece of withoutMark(pieces)) {
    const text = rest + piece;
    let from = 0;
    for (;;) {
      const to = text.indexOf("\n", from);
      if (to === -1) break;
      yield text.slice(from, text.charCodeAt(to - 1) === 13 && to > from ? to - 1 : to);
      from = to + 1;
    }
    rest = text.slice(from);
  }
  if (rest !== "") yield rest;
}

/** Rows below the header as objects of text, as RFC 4180 has them: quoted fields may hold separators, quotes and line ends. */
export async function* readCsv(
  pieces: AsyncIterable<string>,
): AsyncGenerator<Readonly<Record<string, string>>, void, undefined> {
  let header: readonly string[] | undefined;
  for await (const row of csvRows(pieces)) {
    if (header === undefined) header = row;
    else yield Object.fromEntries(header.map((name, index) => [name, row[index] ?? ""]));
  }
}

/** A byte order mark at the begin is no text. */
async function* withoutMark(pieces: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let first = true;
  for await (const piece of pieces) {
    yield first && piece.startsWith("\ufeff") ? piece.slice(1) : piece;
    first = false;
  }
}

async function* csvRows(pieces: AsyncIterable<string>): AsyncGenerator<readonly string[], void, undefined> {
  let row: string[] = [];
  let field = "";
  let quoted = false;
  /** Something in the row was quoted: it is a record, however empty. */
  let anyQuoted = false;
  /** The character before was a quote inside a quoted field: it ends the field, or the next one is a quote. */
  let closing = false;
  const endRow = (): readonly string[] | undefined => {
    row.push(field);
    const done = row;
    row = [];
    field = "";
    const blank = done.length === 1 && !anyQuoted && !/[^\0-\x20]/.test(done[0] ?? "");
    anyQuoted = false;
    return blank ? undefined : done;
  };
  for await (const piece of withoutMark(pieces)) {
    for (const character of piece) {
      if (closing) {
        closing = false;
        if (character === '"') {
          field += '"';
          continue;
        }
        quoted = false;
      }
      if (quoted) {
        if (character === '"') closing = true;
        else field += character;
      } else if (character === '"' && field === "") quoted = anyQuoted = true;
      else if (character === ",") {
        row.push(field);
        field = "";
      } else if (character === "\n") {
        if (field.endsWith("\r")) field = field.slice(0, -1);
        const done = endRow();
        if (done !== undefined) yield done;
      } else field += character;
    }
  }
  const last = field === "" && row.length === 0 && !anyQuoted ? undefined : endRow();
  if (last !== undefined) yield last;
}
