/**
 * What a failure has to restart, written down again from the rules and as plainly as possible: every pair of subtasks is looked at, nothing
 * is shared with `graph` but the job graph. Slow, and for small jobs only: it is what the JobMaster's answers are held against.
 */
import type { JobSpec, PartitionType } from "../graph/jobFile";
import type { JobEdge, JobGraph } from "../graph/jobGraph";
import { buildJobGraph } from "../graph/jobGraph";

const MUST_BE_PIPELINED: ReadonlySet<PartitionType> = new Set(["PIPELINED", "PIPELINED_BOUNDED"]);
/** Can be read again, or need not be: a consumer's restart leaves the producer alone. */
const STAYS_AVAILABLE: ReadonlySet<PartitionType> = new Set(["BLOCKING", "BLOCKING_PERSISTENT", "HYBRID_FULL", "PIPELINED_APPROXIMATE"]);

interface Channel {
  readonly from: string;
  readonly to: string;
  readonly edge: JobEdge;
}

export class FailoverOracle {
  private readonly regionOf = new Map<string, number>();
  private readonly channels: readonly Channel[];

  constructor(private readonly job: JobSpec) {
    const graph = buildJobGraph(job);
    this.channels = graph.edges.flatMap((edge) => channelsOf(graph, edge));
    this.findRegions(graph);
  }

  /** Names of the tasks that have to restart. */
  scope(failed: string, tasks: Iterable<string>, isCreated: (task: string) => boolean): Set<string> {
    const { runtime } = this.job;
    if (runtime.scheduler === "adaptive" || runtime.failoverStrategy === "full") return new Set(tasks);
    const region = this.regionOf.get(failed);
    if (region === undefined) return new Set([failed]);
    const regions = new Set([region]);
    for (let grown = true; grown; ) {
      const before = regions.size;
      for (const { from, to, edge } of this.channels) {
        const producer = this.regionOf.get(from)!;
        const consumer = this.regionOf.get(to)!;
        if (regions.has(producer)) regions.add(consumer);
        if (regions.has(consumer) && !STAYS_AVAILABLE.has(edge.partitionType)) regions.add(producer);
      }
      grown = regions.size > before;
    }
    const scope = new Set<string>();
    for (const [task, ofTask] of this.regionOf) if (regions.has(ofTask) && !isCreated(task)) scope.add(task);
    return scope;
  }

  private findRegions(graph: JobGraph): void {
    const stream = graph.vertices.filter((vertex) => vertex.kind === "stream");
    const logical = new Map(stream.map((vertex, index) => [vertex.id, index]));
    const pipelined = graph.edges.filter((edge) => MUST_BE_PIPELINED.has(edge.partitionType));
    merge(logical, pipelined.map((edge) => [edge.source, edge.target]));
    let next = 0;
    for (const vertex of stream) for (let index = 0; index < vertex.parallelism; index++) this.regionOf.set(`${vertex.id}#${index}`, next++);
    const inside = graph.edges.filter((edge) => logical.get(edge.source) === logical.get(edge.target));
    const whole = new Set(inside.flatMap((edge) => (edge.pattern === "ALL_TO_ALL" ? [logical.get(edge.source)] : [])));
    const pairs: [string, string][] = [];
    for (const { from, to, edge } of this.channels) {
      if (MUST_BE_PIPELINED.has(edge.partitionType)) pairs.push([from, to]);
    }
    for (const region of whole) {
      const members = stream.filter((vertex) => logical.get(vertex.id) === region);
      const names = members.flatMap((vertex) => Array.from({ length: vertex.parallelism }, (_, index) => `${vertex.id}#${index}`));
      for (const name of names) pairs.push([names[0], name]);
    }
    merge(this.regionOf, pairs);
    this.mergeCycles();
  }

  /** Regions that can reach each other over the remaining edges are one. */
  private mergeCycles(): void {
    const next = new Map<number, Set<number>>();
    for (const { from, to } of this.channels) {
      const [a, b] = [this.regionOf.get(from)!, this.regionOf.get(to)!];
      if (a !== b) (next.get(a) ?? next.set(a, new Set()).get(a)!).add(b);
    }
    const reached = (start: number): Set<number> => {
      const seen = new Set<number>();
      const queue = [start];
      for (const region of queue) {
        for (const other of next.get(region) ?? []) {
          if (seen.has(other)) continue;
          seen.add(other);
          queue.push(other);
        }
      }
      return seen;
    };
    const reachable = new Map([...new Set(this.regionOf.values())].map((region) => [region, reached(region)]));
    for (const [task, region] of this.regionOf) {
      const cycle = [...(reachable.get(region) ?? [])].filter((other) => reachable.get(other)?.has(region));
      this.regionOf.set(task, Math.min(region, ...cycle));
    }
  }
}

function merge(groupOf: Map<string, number>, pairs: readonly (readonly [string, string])[]): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const [a, b] of pairs) {
      const least = Math.min(groupOf.get(a)!, groupOf.get(b)!);
      if (groupOf.get(a) === least && groupOf.get(b) === least) continue;
      groupOf.set(a, least);
      groupOf.set(b, least);
      changed = true;
    }
  }
}

/** Every pair of subtasks that the edge joins. */
function channelsOf(graph: JobGraph, edge: JobEdge): Channel[] {
  const parallelismOf = (id: string): number => graph.vertices.find((vertex) => vertex.id === id)!.parallelism;
  const [producers, consumers] = [parallelismOf(edge.source), parallelismOf(edge.target)];
  const channels: Channel[] = [];
  for (let p = 0; p < producers; p++) {
    for (let c = 0; c < consumers; c++) {
      if (edge.pattern === "POINTWISE" && !joinedPointwise(p, c, producers, consumers)) continue;
      channels.push({ from: `${edge.source}#${p}`, to: `${edge.target}#${c}`, edge });
    }
  }
  return channels;
}

function joinedPointwise(p: number, c: number, producers: number, consumers: number): boolean {
  if (producers >= consumers) return p >= Math.floor((c * producers) / consumers) && p < Math.floor(((c + 1) * producers) / consumers);
  return c >= Math.floor((p * consumers + producers - 1) / producers) && c < Math.floor(((p + 1) * consumers + producers - 1) / producers);
}
