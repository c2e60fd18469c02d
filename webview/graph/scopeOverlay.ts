/** Marks what a failure of the hovered or selected subtask would restart: an outline around every cell concerned, and one sentence. */
import type { LayoutResult } from "../layout/layoutRequest";
import { scopeWords, type FailureScope } from "../model/failureScope";
import { realSubtask, type Picture } from "../model/picture";
import { cellPlace, type Measure } from "./vertexCard";
import type { SvgGroup } from "./svgElements";

export function drawScope(
  overlay: SvgGroup,
  picture: Picture,
  layout: LayoutResult,
  scope: FailureScope | undefined,
  from: string | undefined,
  measure: Measure,
): void {
  overlay.selectAll("*").remove();
  if (scope === undefined || from === undefined) return;
  const outline: string[] = [];
  for (const vertex of picture.graph.vertices) {
    const place = layout.nodes.get(vertex.id);
    const grid = picture.cards.get(vertex.id)?.cells;
    if (place === undefined || grid === undefined) continue;
    const hit: number[] = [];
    for (let index = 0; index < vertex.parallelism; index++)
      if (scope.restart.has(realSubtask(picture, vertex.id, index))) hit.push(index);
    if (hit.length === 0) continue;
    if (grid.mode === "bar" || (hit.length === vertex.parallelism && hit.length > 12)) {
      outline.push(
        box(
          place.x + grid.x,
          place.y + grid.y,
          grid.columns * (grid.cellWidth + grid.gap) - grid.gap,
          grid.rows * (grid.cellHeight + grid.gap) - grid.gap,
          4,
        ),
      );
    } else {
      for (const index of hit) {
        const { x, y } = cellPlace(grid, index);
        outline.push(box(place.x + x, place.y + y, grid.cellWidth, grid.cellHeight, Math.min(3, grid.gap / 2 - 0.5)));
      }
    }
  }
  overlay.append("path").attr("class", "scope-outline").attr("d", outline.join(""));
  const place = layout.nodes.get(from);
  if (place === undefined) return;
  const words = scopeWords(scope);
  const width = measure(words, "text") + 20;
  const tip = overlay
    .append("g")
    .attr("class", "scope-tip")
    .attr("transform", `translate(${place.x},${place.y - 34})`);
  tip.append("rect").attr("width", width).attr("height", 26).attr("rx", 5);
  tip.append("text").attr("x", 10).attr("y", 17).text(words);
}

function box(x: number, y: number, width: number, height: number, margin: number): string {
  const r = 4;
  const w = width + 2 * margin;
  const h = height + 2 * margin;
  return `M${x - margin + r} ${y - margin}h${w - 2 * r}q${r} 0 ${r} ${r}v${h - 2 * r}q0 ${r} ${-r} ${r}h${-(w - 2 * r)}q${-r} 0 ${-r} ${-r}v${-(h - 2 * r)}q0 ${-r} ${r} ${-r}z`;
}
