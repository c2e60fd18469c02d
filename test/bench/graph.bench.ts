/**
 * Cost of execution graphs, regions and failover scopes over sizes: `npx tsx test/bench/graph.bench.ts`.
 * Times are medians after warm-up; heap growth is measured in a process of its own for each graph, after a forced collection.
 */
import { spawnSync } from "node:child_process";
import {
  buildExecutionGraph,
  type ExecutionGraph,
  type JobTopology,
  type TopologyEdge,
} from "../../simulator/graph/executionGraph";
import { failoverScope } from "../../simulator/graph/failoverScope";
import type { DistributionPattern, PartitionType } from "../../simulator/graph/jobFile";
import { computeRegions, type PipelinedRegions } from "../../simulator/graph/pipelinedRegion";
import { startRegions } from "../../simulator/graph/regionScheduling";

interface Figures {
  readonly graph: string;
  readonly vertices: number;
  readonly subtasks: number;
  readonly edges: number;
  /** What an edge-by-edge model would have to hold. */
  readonly pairs: number;
  readonly regions: number;
  /** The first build in a new process, before the compiler has warmed up. */
  readonly coldMs: number;
  readonly buildMs: number;
  readonly failoverMs: number;
  readonly restarted: number;
  readonly scheduleMs: number;
  readonly heapMb: number;
}

/** A chain of `vertices` vertices of equal parallelism. */
function chain(
  vertices: number,
  parallelism: number,
  pattern: DistributionPattern,
  partitionType: PartitionType,
): JobTopology {
  return {
    vertices: Array.from({ length: vertices }, (_, i) => ({ id: `v${i}`, parallelism })),
    edges: Array.from({ length: vertices - 1 }, (_, i): TopologyEdge => ({
      source: `v${i}`,
      target: `v${i + 1}`,
      pattern,
      partitionType,
    })),
  };
}

/** A random acyclic graph; the same for the same size. Linear congruential generator of Numerical Recipes. */
function randomDag(vertices: number, edgesPerVertex: number, parallelism: number): JobTopology {
  let state = 42;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const types: readonly PartitionType[] = [
    "BLOCKING",
    "PIPELINED_BOUNDED",
    "HYBRID_FULL",
    "HYBRID_SELECTIVE",
    "PIPELINED_APPROXIMATE",
    "BLOCKING",
    "BLOCKING_PERSISTENT",
  ];
  const edges: TopologyEdge[] = [];
  for (let target = 1; target < vertices; target++) {
    for (let i = 0; i < edgesPerVertex; i++) {
      const source = Math.max(0, target - 1 - next(Math.min(target, 50)));
      edges.push({
        source: `v${source}`,
        target: `v${target}`,
        partitionType: types[next(types.length)],
        pattern: next(2) === 0 ? "POINTWISE" : "ALL_TO_ALL",
      });
    }
  }
  return {
    vertices: Array.from({ length: vertices }, (_, i) => ({ id: `v${i}`, parallelism: 1 + next(parallelism) })),
    edges,
  };
}

const GRAPHS: Readonly<Record<string, () => JobTopology>> = {
  "2 x 1,000 all-to-all pipelined": () => chain(2, 1000, "ALL_TO_ALL", "PIPELINED_BOUNDED"),
  "2 x 4,000 all-to-all pipelined": () => chain(2, 4000, "ALL_TO_ALL", "PIPELINED_BOUNDED"),
  "2 x 10,000 all-to-all pipelined": () => chain(2, 10_000, "ALL_TO_ALL", "PIPELINED_BOUNDED"),
  "2 x 30,000 all-to-all pipelined": () => chain(2, 30_000, "ALL_TO_ALL", "PIPELINED_BOUNDED"),
  "2 x 1,000 all-to-all blocking": () => chain(2, 1000, "ALL_TO_ALL", "BLOCKING"),
  "2 x 4,000 all-to-all blocking": () => chain(2, 4000, "ALL_TO_ALL", "BLOCKING"),
  "2 x 10,000 all-to-all blocking": () => chain(2, 10_000, "ALL_TO_ALL", "BLOCKING"),
  "2 x 30,000 all-to-all blocking": () => chain(2, 30_000, "ALL_TO_ALL", "BLOCKING"),
  "2 x 10,000 pointwise pipelined": () => chain(2, 10_000, "POINTWISE", "PIPELINED_BOUNDED"),
  "chain 100 x 100 pointwise": () => chain(100, 100, "POINTWISE", "PIPELINED_BOUNDED"),
  "chain 300 x 100 pointwise": () => chain(300, 100, "POINTWISE", "PIPELINED_BOUNDED"),
  "chain 1,000 x 100 pointwise": () => chain(1000, 100, "POINTWISE", "PIPELINED_BOUNDED"),
  "chain 1,000 x 100 all-to-all": () => chain(1000, 100, "ALL_TO_ALL", "PIPELINED_BOUNDED"),
  "chain 1,000 x 100 all-to-all blocking": () => chain(1000, 100, "ALL_TO_ALL", "BLOCKING"),
  "random DAG of 1,000 vertices": () => randomDag(1000, 2, 20),
  "random DAG of 3,000 vertices": () => randomDag(3000, 2, 20),
  "random DAG of 10,000 vertices": () => randomDag(10_000, 2, 20),
  "random DAG of 30,000 vertices": () => randomDag(30_000, 2, 20),
};

interface Built {
  readonly graph: ExecutionGraph;
  readonly regions: PipelinedRegions;
}

function build(topology: JobTopology): Built {
  const graph = buildExecutionGraph(topology);
  return { graph, regions: computeRegions(graph) };
}

const ROUNDS = 7;

function median(work: () => void): number {
  for (let i = 0; i < 3; i++) work();
  const times = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[ROUNDS >> 1];
}

/** Measures one graph in this process, which runs with `--expose-gc`. */
function measure(name: string): Figures {
  const topology = GRAPHS[name]();
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) throw new Error("run with --expose-gc");
  collect();
  const used = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
  const before = used();
  const start = performance.now();
  const built = build(topology);
  const coldMs = performance.now() - start;
  const scope = failoverScope(built.graph, built.regions, 0);
  collect();
  const heapMb = (used() - before) / 1024 / 1024;
  const buildMs = median(() => build(topology));
  const failoverMs = median(() => failoverScope(built.graph, built.regions, 0));
  const scheduleMs = median(() => startRegions(built.graph, built.regions));
  const pairs = built.graph.edges.reduce(
    (sum, edge) =>
      sum +
      (edge.pattern === "ALL_TO_ALL" ? edge.producers * edge.consumers : Math.max(edge.producers, edge.consumers)),
    0,
  );
  return {
    graph: name,
    vertices: topology.vertices.length,
    subtasks: built.graph.subtaskCount,
    edges: topology.edges.length,
    pairs,
    regions: built.regions.count,
    coldMs,
    buildMs,
    failoverMs,
    restarted: scope.subtasks.length,
    scheduleMs,
    heapMb,
  };
}

/** What has to hold: the limits set for the two large graphs of two vertices. */
const LIMITS = { buildMs: 50, failoverMs: 10, heapMb: 30 };
const LIMITED = ["2 x 10,000 all-to-all pipelined", "2 x 10,000 all-to-all blocking"];

/** Prints the table; `report` is called with every line. */
export function run(report: (line: string) => void): readonly Figures[] {
  const columns = [
    "graph",
    "vertices",
    "subtasks",
    "edges",
    "subtask pairs",
    "regions",
    "first build",
    "build + regions",
    "failover",
    "restart",
    "schedule",
    "heap",
  ];
  const rows: string[][] = [];
  const all: Figures[] = [];
  for (const name of Object.keys(GRAPHS)) {
    const child = spawnSync(process.execPath, ["--expose-gc", "--import", "tsx", __filename, name], {
      encoding: "utf8",
      maxBuffer: 1e8,
    });
    if (child.status !== 0) throw new Error(`${name}: ${child.stderr}`);
    const figures = JSON.parse(child.stdout) as Figures;
    all.push(figures);
    const whole = (n: number): string => n.toLocaleString("en");
    rows.push([
      name,
      whole(figures.vertices),
      whole(figures.subtasks),
      whole(figures.edges),
      whole(figures.pairs),
      whole(figures.regions),
      `${figures.coldMs.toFixed(1)} ms`,
      `${figures.buildMs.toFixed(2)} ms`,
      `${figures.failoverMs.toFixed(2)} ms`,
      whole(figures.restarted),
      `${figures.scheduleMs.toFixed(2)} ms`,
      `${figures.heapMb.toFixed(1)} MB`,
    ]);
  }
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i].length)));
  for (const row of [columns, ...rows]) {
    report(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  "));
  }
  report("");
  report(
    "Growth: cost per vertex + subtask + edge, in nanoseconds (build + regions); it would rise tenfold a row if pairs were visited.",
  );
  for (const figures of all) {
    const size = figures.vertices + figures.subtasks + figures.edges;
    report(`  ${figures.graph.padEnd(40)} ${((figures.buildMs * 1e6) / size).toFixed(0).padStart(6)} ns`);
  }
  report("");
  for (const figures of all.filter(({ graph }) => LIMITED.includes(graph))) {
    for (const [key, limit] of Object.entries(LIMITS) as [keyof typeof LIMITS, number][]) {
      report(
        `${figures.graph}: ${key} ${figures[key].toFixed(2)} of ${limit}: ${figures[key] <= limit ? "within" : "OVER"}`,
      );
    }
  }
  return all;
}

if (require.main === module) {
  const [name] = process.argv.slice(2);
  if (name === undefined) run((line) => process.stdout.write(`${line}\n`));
  else process.stdout.write(JSON.stringify(measure(name)));
}
