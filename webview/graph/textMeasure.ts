/** Widths of texts in the fonts of the cards, as the browser draws them. */
import type { CardFont, Measure } from "./vertexCard";

const SIZES: Readonly<Record<CardFont, string>> = { title: "600 13px", text: "12px", small: "11px" };

export function textMeasure(): Measure {
  const context = document.createElement("canvas").getContext("2d");
  const family = getComputedStyle(document.body).fontFamily || "sans-serif";
  const known: Record<CardFont, Map<string, number>> = { title: new Map(), text: new Map(), small: new Map() };
  return (text, font) => {
    const widths = known[font];
    let width = widths.get(text);
    if (width === undefined) {
      if (context === null) return text.length * 7;
      context.font = `${SIZES[font]} ${family}`;
      width = context.measureText(text).width;
      if (widths.size > 20_000) widths.clear();
      widths.set(text, width);
    }
    return width;
  };
}
