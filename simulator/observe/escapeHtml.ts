/**
 * Text from outside into HTML and SVG, in elements and in quoted attributes alike: names and messages are shown as they are and never
 * become markup. Control characters, which some parsers trip over, are left out.
 */
export function escapeHtml(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]|[&<>"'`]/g,
    (character) => ENTITIES[character] ?? "",
  );
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

/** At most `most` characters, with an ellipsis in place of the rest. Pairs of surrogates stay whole. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const characters = [...text.slice(0, most + 1)];
  return characters.length <= most
    ? text
    : `${characters
        .slice(0, most - 1)
        .join("")
        .trimEnd()}…`;
}
