/** Just enough reading of HTML and Mallard pages to take their paragraphs out as plain text. */

const NAMED_CHARACTERS: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
};

/** A paragraph element: the attributes of its start tag and its content, both as they stand in the page. */
export interface ParagraphElement {
  readonly attributes: string;
  readonly content: string;
}

/** The `<p>` elements of a page, comments left out. Paragraphs do not nest, in HTML as in Mallard. */
export function paragraphElements(page: string): ParagraphElement[] {
  const withoutComments = page.replace(/<!--[\s\S]*?-->/g, "");
  return [...withoutComments.matchAll(/<p(\s[^>]*)?>([\s\S]*?)<\/p>/g)].map((match) => ({
    attributes: match[1] ?? "",
    content: match[2],
  }));
}

/** The text of a piece of markup in NFC: tags dropped, character references resolved, white space made single. */
export function plainText(markup: string): string {
  return markup
    .replace(/<[^>]*>/g, "")
    .replace(/&(#x[0-9a-f]+|#[0-9]+|[a-z]+);/gi, (whole, name: string) => {
      if (name.startsWith("#x") || name.startsWith("#X")) {
        return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
      }
      if (name.startsWith("#")) {
        return String.fromCodePoint(Number.parseInt(name.slice(1), 10));
      }
      return NAMED_CHARACTERS[name] ?? whole;
    })
    .replace(/\u00ad/g, "")
    .replace(/\s+/gu, " ")
    .trim()
    .normalize("NFC");
}
