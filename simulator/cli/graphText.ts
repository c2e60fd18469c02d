/** Graphs, regions and failover scopes as text for a terminal. Names are cut and lose their control characters. */
import type { AnalyzedGraph } from "../graph/describeGraph";
import type { FailoverScope } from "../graph/failoverScope";
import type { IsolatedOperator } from "../graph/isolateOperator";
import { regionId, regionMembers } from "../graph/pipelinedRegion";
import { shorten, withoutControls } from "../graph/plainText";
import { formatSubtasks } from "../graph/subtaskRanges";
import type { Paint } from "./paint";

const MOST_ROWS = 200;

/** Ids of Flink's vertices are 32 hexadecimal digits: outside of the table of vertices their first eight say enough, while they differ. */
export function shortIds(analyzed: AnalyzedGraph): (id: string) => string {
  const ids = analyzed.vertices.map((vertex) => vertex.id);
  const short = new Map(ids.map((id) => [id, /^[0-9a-f]{32}/.test(id) ? `${id.slice(0, 8)}${id.slice(32)}` : id]));
  const distinct = new Set(short.values()).size === ids.length;
  return (id) => plain(distinct ? (short.get(id) ?? id) : id, 60);
}

export function graphText(analyzed: AnalyzedGraph, paint: Paint, columns: number): string {
  const { vertices, edges, calls, regions, graph, origin } = analyzed;
  const name = shortIds(analyzed);
  const regionsOf = vertices.map((_, i) => {
    const mine = new Set<number>();
    for (let subtask = graph.offsets[i]; subtask < graph.offsets[i + 1]; subtask++) mine.add(regions.regionOf[subtask]);
    return mine.size === 1 ? regionId([...mine][0]) : `${mine.size} regions`;
  });
  const parts = [
    `${paint.bold(plain(analyzed.name, 100))}  ${count(vertices.length, "vertex", "vertices")}, ${count(graph.subtaskCount, "subtask")}, ${count(regions.count, "pipelined region")}`,
    section(
      paint,
      "Vertices",
      [
        ["ID", "KIND", "PARALLELISM", "REGION", "OPERATORS"],
        ...vertices
          .slice(0, MOST_ROWS)
          .map((vertex, i) => [
            plain(vertex.id, 40),
            vertex.kind,
            vertex.parallelism < 0 ? "not decided" : String(vertex.parallelism),
            regionsOf[i],
            plain(vertex.name, 400),
          ]),
      ],
      columns,
      vertices.length,
    ),
  ];
  if (edges.length > 0) {
    parts.push(
      section(
        paint,
        "Edges",
        [
          ["FROM", "TO", "SHIP", "PATTERN", "PARTITION TYPE"],
          ...edges
            .slice(0, MOST_ROWS)
            .map((edge) => [
              name(edge.source),
              name(edge.target),
              plain(edge.shipStrategy, 30),
              edge.pattern,
              `${edge.partitionType}${edge.derived === true ? " (derived)" : ""}`,
            ]),
        ],
        columns,
        edges.length,
      ),
    );
  }
  const reasons = vertices.flatMap((vertex) =>
    vertex.operators.flatMap((operator) =>
      (operator.notChained ?? []).map((reason) => [
        operator.id === vertex.id ? name(operator.id) : plain(operator.id, 40),
        reason,
      ]),
    ),
  );
  if (reasons.length > 0) {
    parts.push(
      section(
        paint,
        "Why a chain starts here",
        [["OPERATOR", "REASON"], ...reasons.slice(0, MOST_ROWS)],
        columns,
        reasons.length,
      ),
    );
  }
  if (calls.length > 0) {
    parts.push(
      section(
        paint,
        "Calls",
        [["FROM", "TO"], ...calls.slice(0, MOST_ROWS).map((call) => [name(call.source), name(call.target)])],
        columns,
        calls.length,
      ),
    );
  }
  const rows = Array.from({ length: Math.min(MOST_ROWS, regions.count) }, (_, region) => {
    const members = regionMembers(regions, region);
    return [regionId(region), String(members.length), plain(formatSubtasks(graph, members, 12, name), 1000)];
  });
  parts.push(section(paint, "Pipelined regions", [["REGION", "TASKS", "SUBTASKS"], ...rows], columns, regions.count));
  for (const note of origin.notes) parts.push(paint.dim(wrap(`Note: ${plain(note, 1000)}`, columns)));
  return parts.join("\n\n");
}

export function failoverText(
  analyzed: AnalyzedGraph,
  failed: number,
  scope: FailoverScope,
  paint: Paint,
  columns: number,
): string {
  const { graph, regions } = analyzed;
  const name = shortIds(analyzed);
  const restarting = new Uint8Array(graph.subtaskCount);
  for (const subtask of scope.subtasks) restarting[subtask] = 1;
  const tasks = (region: number): string => {
    const members = regionMembers(regions, region);
    const restart = members.reduce((sum, subtask) => sum + restarting[subtask], 0);
    return restart === members.length ? String(restart) : `${restart} of ${members.length}, others not started`;
  };
  const rows = Array.from(scope.regions.subarray(0, MOST_ROWS), (region, i) => [
    regionId(region),
    tasks(region),
    plain(formatSubtasks(graph, regionMembers(regions, region), 12, name), 1000),
    plain(reasonText(analyzed, scope, i, name), 300),
  ]);
  const untouched = graph.subtaskCount - scope.subtasks.length;
  const rest = Array.from({ length: graph.subtaskCount }, (_, i) => i).filter((subtask) => restarting[subtask] === 0);
  return [
    `${paint.bold(plain(formatSubtasks(graph, [failed], 1, name), 100))} fails (strategy ${scope.strategy}): ${scope.subtasks.length} of ${count(graph.subtaskCount, "task")} restart, in ${count(scope.regions.length, "region")}.`,
    section(paint, "Restart", [["REGION", "TASKS", "SUBTASKS", "BECAUSE"], ...rows], columns, scope.regions.length),
    untouched === 0
      ? "Nothing stays untouched."
      : wrap(
          `Untouched: ${plain(formatSubtasks(graph, rest, 12, name), 1000)} (${count(untouched, "task")}).`,
          columns,
        ),
    ...analyzed.origin.notes.map((note) => paint.dim(wrap(`Note: ${plain(note, 1000)}`, columns))),
  ].join("\n\n");
}

/** Why the `i`-th region of a scope is in it. */
export function reasonText(
  analyzed: AnalyzedGraph,
  scope: FailoverScope,
  i: number,
  name: (vertexId: string) => string = (id) => id,
): string {
  const reason = scope.reasonOf(i);
  switch (reason.kind) {
    case "failed-task":
      return "the failed task is in it";
    case "full":
      return "strategy full restarts everything";
    case "consumer":
      return `it consumes from ${regionId(reason.from)} (${edgeText(analyzed, reason.edge, name)})`;
    case "lost-partition": {
      const { source } = analyzed.graph.topology.edges[reason.edge];
      return `${regionId(reason.from)} needs what ${name(source)}#${reason.producer} produced, and that is not available (${edgeText(analyzed, reason.edge, name)})`;
    }
  }
}

function edgeText(analyzed: AnalyzedGraph, edge: number, name: (vertexId: string) => string): string {
  const { source, target, shipStrategy, partitionType } = analyzed.edges[edge];
  return `${name(source)} -> ${name(target)}, ${shipStrategy}, ${partitionType}`;
}

export function isolateText(isolated: IsolatedOperator, paint: Paint, columns: number): string {
  const { before, after, operator, vertex, serviceId, scopeBefore, scopeAfter, scopeOfClientAfter } = isolated;
  const name = shortIds(after);
  const all = (analyzed: AnalyzedGraph): number => analyzed.graph.subtaskCount;
  return section(
    paint,
    `${plain(operator.name, 60)} out of ${name(vertex.id)}, into the service ${name(serviceId)}`,
    [
      ["", "BEFORE", "AFTER"],
      ["pipelined regions", String(before.regions.count), String(after.regions.count)],
      ["tasks", String(all(before)), String(all(after))],
      [
        "the model fails: tasks that restart",
        `${scopeBefore.subtasks.length} of ${all(before)}`,
        `${scopeAfter.subtasks.length} of ${all(after)}`,
      ],
      [
        "",
        plain(formatSubtasks(before.graph, scopeBefore.subtasks, 4, name), 60),
        plain(formatSubtasks(after.graph, scopeAfter.subtasks, 4, name), 60),
      ],
      [
        `${name(vertex.id)}#0 fails: tasks that restart`,
        `${scopeBefore.subtasks.length} of ${all(before)}`,
        `${scopeOfClientAfter.subtasks.length} of ${all(after)}`,
      ],
    ],
    columns,
    0,
  );
}

function section(
  paint: Paint,
  title: string,
  rows: readonly (readonly string[])[],
  columns: number,
  total: number,
): string {
  const widths = rows[0].map((_, column) => rows.reduce((most, row) => Math.max(most, width(row[column])), 0));
  const last = widths.length - 1;
  const before = widths.slice(0, last).reduce((sum, w) => sum + w + 2, 2);
  const room = Math.max(24, columns - before);
  const lines = rows.map((row, i) => {
    const cells = row.map((cell, column) =>
      column === last ? shorten(cell, room) : cell + " ".repeat(widths[column] - width(cell) + 2),
    );
    const line = `  ${cells.join("").trimEnd()}`;
    return i === 0 ? paint.dim(line) : line;
  });
  const more = total - (rows.length - 1);
  if (more > 0) lines.push(paint.dim(`  … and ${more} more; --format json shows all`));
  return [paint.bold(title), ...lines].join("\n");
}

function width(text: string): number {
  return Array.from(text).length;
}

function plain(text: string, length: number): string {
  return shorten(withoutControls(text), length);
}

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

function wrap(text: string, columns: number): string {
  const room = Math.max(40, columns);
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1];
    if (line !== "" && line.length + 1 + word.length > room) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join("\n");
}
