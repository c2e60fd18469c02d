/** Text as a locator takes it. */

/** Matches this text and nothing else, apart from space around it. */
export function exactly(text: string): RegExp {
  return new RegExp(`^\\s*${escape(text)}\\s*$`);
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/**
 * A selector for what has this title: the accessible name of a button, a view or a view container may have its key, its
 * badge or its kind behind the title.
 */
export function titled(title: string): string {
  const names = [`="${quote(title)}"`, `^="${quote(title)} ("`, `^="${quote(title)} - "`, `="${quote(title)} Section"`];
  return `:is(${names.map((name) => `[aria-label${name}]`).join(", ")})`;
}

function quote(text: string): string {
  return text.replace(/["\\]/g, "\\$&");
}

export type TextMatch = string | RegExp;

/** A string is looked for as a part, without regard to case, as locators do. */
export function matches(text: string, wanted: TextMatch): boolean {
  return typeof wanted === "string" ? text.toLowerCase().includes(wanted.toLowerCase()) : wanted.test(text);
}
