/** Making and changing SVG elements with few words. Texts are always text nodes. */
import { select, type Selection } from "d3";

export type SvgSelection<E extends SVGElement> = Selection<E, unknown, null, undefined>;
export type SvgGroup = SvgSelection<SVGGElement>;

export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Appends an element with these attributes (undefined leaves one out) and this text. */
export function add<K extends keyof SVGElementTagNameMap>(
  parent: SvgGroup | SvgSelection<SVGSVGElement> | SvgSelection<SVGTextElement>,
  name: K,
  attributes: Attributes = {},
  text?: string,
): SvgSelection<SVGElementTagNameMap[K]> {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined) element.setAttribute(key, String(value));
  }
  if (text !== undefined) element.textContent = text;
  parent.node()?.append(element);
  return select<SVGElementTagNameMap[K], unknown>(element);
}

/** Sets the text of the first match, if it is another one. */
export function setText(group: SvgGroup, selector: string, text: string): void {
  const node = group.node()?.querySelector(selector);
  if (node !== null && node !== undefined && node.textContent !== text) node.textContent = text;
}

export function translate(x: number, y: number): string {
  return `translate(${x},${y})`;
}
