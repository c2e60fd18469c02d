/** What is said about an operator or a service under the pointer: its vertex, its region, and what fails with it. */
import type * as vscode from "vscode";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import type { SymbolOccurrence } from "../language/jobFileReferences";
import { regionName } from "../regionName";
import { graphOfDocument } from "./jobFileGraph";

export function describeElement(document: vscode.TextDocument, { kind, id }: SymbolOccurrence): string {
  const { graph } = graphOfDocument(document);
  const title = `**${escapeMarkdown(id)}** (${kind})`;
  if (graph === undefined) return `${title}\n\nIts region is known when the file has no errors.`;
  return [title, ...(kind === "operator" ? operatorLines(graph, id) : serviceLines(graph, id))].join("\n\n");
}

function operatorLines(graph: GraphDescription, id: string): readonly string[] {
  const vertex = graph.vertices.find(({ operators }) => operators.some((operator) => operator.id === id));
  if (vertex === undefined) return [];
  const why = vertex.operators.find((operator) => operator.id === id)?.notChained ?? [];
  const regions = graph.regions.filter(({ vertices }) => vertices.includes(vertex.id));
  const subtasks = regions.reduce((sum, region) => sum + region.subtasks.length, 0);
  return [
    vertex.operators.length > 1
      ? `Runs in one task with ${vertex.operators.map(({ name }) => escapeMarkdown(name)).join(" → ")}.`
      : `Runs in a task of its own${why.length > 0 ? `: ${why.map(escapeMarkdown).join("; ")}` : ""}.`,
    regions.length === 1
      ? `In ${escapeMarkdown(regionName(regions[0]?.id ?? ""))}: a failure of one of its ${subtasks} subtasks restarts all of them.`
      : `In ${regions.length} regions: a failure restarts the subtasks of one of them.`,
  ];
}

function serviceLines(graph: GraphDescription, id: string): readonly string[] {
  const vertex = graph.vertices.find((one) => one.kind === "service" && one.id === id);
  if (vertex === undefined) return [];
  const { service, parallelism } = vertex;
  const lines = [
    `${parallelism} ${parallelism === 1 ? "instance" : "instances"}, ${service?.deployment ?? ""} on ${service?.device ?? ""}.`,
  ];
  if (service?.deployment === "rpc-service")
    lines.push("Each instance is a region of its own: it fails and restarts alone.");
  return lines;
}

function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]<>()#+\-.!|]/g, "\\$&");
}
