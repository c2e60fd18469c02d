/** A graph as a Mermaid flowchart, for documents. Regions are subgraphs; all text is escaped, all ids are ours. */
import type { AnalyzedGraph } from "./describeGraph";
import { shorten, withoutControls } from "./plainText";
import { mustBePipelined } from "./partitionType";
import { checkPictureSize, regionGroups } from "./regionSummary";

/** Throws FL1004 for a graph that is too large for a picture. */
export function graphMermaid(analyzed: AnalyzedGraph): string {
  checkPictureSize(analyzed);
  const lines = ["flowchart LR"];
  const position = new Map(analyzed.vertices.map((vertex, i) => [vertex.id, i]));
  regionGroups(analyzed).forEach((group, i) => {
    lines.push(`  subgraph r${i}["${escapeLabel(group.label)}"]`);
    for (const index of group.vertices) {
      const vertex = analyzed.vertices[index];
      const text = `${escapeLabel(shorten(vertex.name, 80))}<br/>×${vertex.parallelism < 0 ? "?" : vertex.parallelism}`;
      lines.push(vertex.kind === "service" ? `    v${index}(["${text}"])` : `    v${index}["${text}"]`);
    }
    lines.push("  end");
  });
  analyzed.edges.forEach((edge, i) => {
    const { partitionType } = analyzed.graph.edges[i];
    const label = escapeLabel(
      mustBePipelined(partitionType) ? edge.shipStrategy : `${edge.shipStrategy} ${edge.partitionType}`,
    );
    const arrow = mustBePipelined(partitionType) ? "-->" : "==>";
    lines.push(`  v${position.get(edge.source)} ${arrow}|"${label}"| v${position.get(edge.target)}`);
  });
  for (const call of analyzed.calls)
    lines.push(`  v${position.get(call.source)} -. calls .-> v${position.get(call.target)}`);
  return `${lines.join("\n")}\n`;
}

/** Mermaid writes characters as `#NUMBER;`. */
function escapeLabel(text: string): string {
  return withoutControls(text).replace(/[#"&<>`\\[\](){}|;]/g, (character) => `#${character.codePointAt(0)};`);
}
