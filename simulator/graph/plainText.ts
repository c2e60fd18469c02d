/** Names out of a file, made harmless for where they are shown. */

/** No control characters: nothing that moves the cursor or colours a terminal. */
export function withoutControls(text: string): string {
  // Written with escapes: C0, delete, C1, and the characters that turn the direction of text.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
}

/** At most `length` characters, the last one an ellipsis when it was longer. */
export function shorten(text: string, length: number): string {
  const characters = Array.from(text.slice(0, 2 * length + 2));
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`;
}

/** Text for XML: markup characters as entities, characters that XML forbids replaced. */
export function escapeXml(text: string): string {
  return withoutControls(text)
    .replace(/[\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;")
    .replace(/'/g, "&#39;");
}

/** An id out of a name: `Source: Events (1)` → `source-events-1`; fits the ids of a job file. */
export function slugOf(name: string): string {
  const words =
    name
      .slice(0, 1000)
      .toLowerCase()
      .match(/[a-z0-9]+/g) ?? [];
  const slug = words.join("-").slice(0, 60).replace(/-$/, "");
  return slug === "" || slug === "constructor" || slug === "prototype"
    ? `operator${slug === "" ? "" : `-${slug}`}`
    : slug;
}
