/** Widths of texts in the fonts of the cards, as the browser draws them. */
import type { CardFont, Measure } from "./vertexCard";

const SIZES: Readonly<Record<CardFont, string>> = { title: "600 13px", text: "12px", small: "11px" };

export function textMeasure(): Measure {
  const family = getComputedStyle(document.body).fontFamily || "sans-serif";
  // One context for each font: a canvas is slow to take another.
  const measureIn = (font: CardFont): ((text: string) => number) => {
    const context = document.createElement("canvas").getContext("2d");
    const known = new Map<string, number>();
    if (context === null) return (text) => text.length * 7;
    context.font = `${SIZES[font]} ${family}`;
    return (text) => {
      let width = known.get(text);
      if (width !== undefined) return width;
      if (known.size > 20_000) known.clear();
      width = context.measureText(text).width;
      known.set(text, width);
      return width;
    };
  };
  const fonts = { title: measureIn("title"), text: measureIn("text"), small: measureIn("small") };
  return (text, font) => fonts[font](text);
}
