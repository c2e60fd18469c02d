/**
 * The job as the JobMaster needs it: subtasks by name, who feeds whom, and what a failure restarts. A view over `graph`, built once a job
 * and again when a service is scaled.
 */
import type { ExecutionEdge, ExecutionGraph, JobTopology } from "../graph/executionGraph";
import { buildExecutionGraph, consumersOf, groupOfConsumer, producersOf, subtaskId, subtaskIdAt } from "../graph/executionGraph";
import { failoverScope } from "../graph/failoverScope";
import type { JobGraph, JobVertex } from "../graph/jobGraph";
import { buildJobGraph } from "../graph/jobGraph";
import type { JobSpec } from "../graph/jobFile";
import type { ResultPartition } from "../graph/failoverScope";
import { canBePipelined, mustBePipelined } from "../graph/partitionType";
import type { PipelinedRegions } from "../graph/pipelinedRegion";
import { computeRegions, regionId, regionMembers } from "../graph/pipelinedRegion";
import { readyRegions } from "../graph/regionScheduling";
import type { SubtaskName } from "../observe/journalEvent";

/** What a region reads from another region. */
export interface OuterInput {
  readonly producer: SubtaskName;
  /** Only when it is complete (BLOCKING), or also while it is produced. */
  readonly whenComplete: boolean;
}

export class Topology {
  readonly streamVertices: readonly JobVertex[];
  /** Whether results of any vertex can be read after it has finished; if not, all that belongs together runs at once. */
  readonly hasOutlivingResults: boolean;
  private readonly vertices: ReadonlyMap<string, JobVertex>;
  private readonly called: ReadonlyMap<string, readonly string[]>;
  private readonly graph: ExecutionGraph;
  private readonly regions: PipelinedRegions;
  /** By edge, then by exchange group: made when asked for, since most jobs ask for few. */
  private readonly producerNames = new Map<number, Map<number, readonly SubtaskName[]>>();
  /** Names of subtasks and regions, made once: a restart of ten thousand tasks names each of them many times. */
  private readonly names: SubtaskName[] = [];
  private readonly regionNames: string[] = [];
  private sharing: boolean | undefined;

  private constructor(
    private readonly jobGraph: JobGraph,
    private readonly serviceParallelism: ReadonlyMap<string, number>,
    private readonly services: JobSpec["services"],
  ) {
    this.streamVertices = jobGraph.vertices.filter((vertex) => vertex.kind === "stream");
    this.vertices = new Map(jobGraph.vertices.map((vertex) => [vertex.id, vertex]));
    this.called = new Map(this.streamVertices.map((vertex) => [vertex.id, servicesOf(vertex, services)]));
    const topology: JobTopology = {
      vertices: jobGraph.vertices.map((vertex) => ({ ...vertex, parallelism: serviceParallelism.get(vertex.id) ?? vertex.parallelism })),
      edges: jobGraph.edges,
    };
    this.graph = buildExecutionGraph(topology);
    this.regions = computeRegions(this.graph);
    this.hasOutlivingResults = this.graph.edges.some((edge) => !mustBePipelined(edge.partitionType));
  }

  static of(job: JobSpec): Topology {
    return new Topology(buildJobGraph(job), new Map(), job.services);
  }

  /** The same job with another number of instances of one service. */
  withServiceParallelism(service: string, parallelism: number): Topology {
    const before = this.vertices.get(service);
    if (before === undefined || (this.serviceParallelism.get(service) ?? before.parallelism) === parallelism) return this;
    return new Topology(this.jobGraph, new Map([...this.serviceParallelism, [service, parallelism]]), this.services);
  }

  isSource(vertex: string): boolean {
    return this.vertices.get(vertex)?.operators[0]?.kind === "source";
  }

  slotSharingGroupOf(vertex: string): string {
    return this.vertices.get(vertex)?.slotSharingGroup ?? "default";
  }

  /** Services that operators of the vertex call, and those that these call in turn. */
  servicesCalledBy(vertex: string): readonly string[] {
    return this.called.get(vertex) ?? [];
  }

  /** Paths of the file sinks in the vertex. */
  fileSinksOf(vertex: string): readonly string[] {
    return (this.vertices.get(vertex)?.operators ?? []).flatMap(({ spec }) =>
      spec.kind === "sink" && spec.sink.connector.kind === "file" ? [spec.sink.connector.path] : [],
    );
  }

  /** Name of the task's pipelined region; a sidecar, which is no part of the job graph, has one of its own. */
  regionOf(task: SubtaskName): string {
    const subtask = this.subtaskOf(task);
    return subtask === undefined ? `sidecar-${task}` : this.regionName(subtask);
  }

  /** {@link regionOf} of a stream task, by its vertex and index. */
  regionOfStreamTask(vertex: string, index: number): string {
    return this.regionName(this.graph.offsets[this.graph.vertexIndex.get(vertex) ?? 0] + index);
  }

  /** Whether tasks of different regions sit in one slot: who takes one then has it for others too. */
  get regionsShareSlots(): boolean {
    return (this.sharing ??= this.findSharing());
  }

  private findSharing(): boolean {
    const groups = new Map<string, number[]>();
    for (const { id, parallelism } of this.streamVertices) {
      const group = this.slotSharingGroupOf(id);
      const regions = groups.get(group) ?? [];
      groups.set(group, regions);
      const first = this.graph.offsets[this.graph.vertexIndex.get(id) ?? 0];
      for (let index = 0; index < parallelism; index++) {
        const region = this.regions.regionOf[first + index];
        if ((regions[index] ??= region) !== region) return true;
      }
    }
    return false;
  }

  private regionName(subtask: number): string {
    const region = this.regions.regionOf[subtask];
    return (this.regionNames[region] ??= regionId(region));
  }

  private nameOf(subtask: number): SubtaskName {
    return (this.names[subtask] ??= subtaskIdAt(this.graph, subtask));
  }

  /**
   * For each input edge of a subtask: the edge's position in the job graph, and the subtasks it reads from. Consumers of one exchange group get
   * the same list.
   */
  inputsOf(vertex: string, index: number): readonly { readonly edge: number; readonly producers: readonly SubtaskName[] }[] {
    const position = this.graph.vertexIndex.get(vertex);
    if (position === undefined) return [];
    return this.graph.inputs[position].map((edge) => ({ edge: edge.index, producers: this.producersOf(edge, index) }));
  }

  private producersOf(edge: ExecutionEdge, consumer: number): readonly SubtaskName[] {
    const group = groupOfConsumer(edge, consumer);
    let groups = this.producerNames.get(edge.index);
    if (groups === undefined) this.producerNames.set(edge.index, (groups = new Map<number, readonly SubtaskName[]>()));
    let names = groups.get(group);
    if (names === undefined) {
      const [from, to] = producersOf(edge, consumer);
      const source = this.graph.topology.vertices[edge.source].id;
      groups.set(group, (names = Array.from({ length: to - from }, (_, offset) => subtaskId(source, from + offset))));
    }
    return names;
  }

  /**
   * Flink's region failover scope: everything that restarts when the task fails, itself included.
   * @param lost producers whose kept results are not there any more
   */
  failoverScope(task: SubtaskName, isCreated: (task: SubtaskName) => boolean, lost: Iterable<SubtaskName>): readonly SubtaskName[] {
    const subtask = this.subtaskOf(task);
    if (subtask === undefined) return [task];
    const scope = failoverScope(this.graph, this.regions, subtask, {
      isCreated: (candidate) => isCreated(this.nameOf(candidate)),
      lost: this.resultsOf(lost),
    });
    return Array.from(scope.subtasks, (candidate) => this.nameOf(candidate));
  }

  /** Whether results of the vertex can be read after it has finished: some exchange behind it does not join it with its consumer in one region. */
  outlives(vertex: string): boolean {
    const position = this.graph.vertexIndex.get(vertex);
    return position !== undefined && this.graph.outputs[position].some((edge) => !mustBePipelined(edge.partitionType));
  }

  /**
   * Regions that can run now, of those that the tasks are in and of what follows them, as Flink's `PipelinedRegionSchedulingStrategy` orders
   * them. A region whose tasks are not in CREATED counts as scheduled.
   * @returns the tasks of these regions
   */
  schedulable(
    candidates: Iterable<SubtaskName>,
    progress: { readonly isCreated: (task: SubtaskName) => boolean; readonly isFinished: (task: SubtaskName) => boolean },
  ): readonly SubtaskName[] {
    const { graph, regions } = this;
    const of = new Set<number>();
    for (const task of candidates) {
      const subtask = this.subtaskOf(task);
      if (subtask !== undefined) of.add(regions.regionOf[subtask]);
    }
    const order = readyRegions(graph, regions, of, {
      isScheduled: (region) => !progress.isCreated(subtaskIdAt(graph, regions.members[regions.starts[region]])),
      isFinished: (subtask) => progress.isFinished(subtaskIdAt(graph, subtask)),
    });
    return order.flatMap((region) => this.membersOf(region));
  }

  /** All tasks of the task's pipelined region. */
  regionTasks(task: SubtaskName): readonly SubtaskName[] {
    const subtask = this.subtaskOf(task);
    return subtask === undefined ? [task] : this.membersOf(this.regions.regionOf[subtask]);
  }

  /** What the subtask reads from other regions. */
  *outerInputsOf(vertex: string, index: number): Generator<OuterInput> {
    const position = this.graph.vertexIndex.get(vertex);
    for (const edge of position === undefined ? [] : this.graph.inputs[position]) {
      if (mustBePipelined(edge.partitionType)) continue;
      const [from, to] = producersOf(edge, index);
      const source = this.graph.topology.vertices[edge.source].id;
      for (let producer = from; producer < to; producer++) {
        yield { producer: subtaskId(source, producer), whenComplete: !canBePipelined(edge.partitionType) };
      }
    }
  }

  /** Who reads what the subtask leaves to other regions. */
  *outerConsumersOf(vertex: string, index: number): Generator<SubtaskName> {
    const position = this.graph.vertexIndex.get(vertex);
    for (const edge of position === undefined ? [] : this.graph.outputs[position]) {
      if (mustBePipelined(edge.partitionType)) continue;
      const [from, to] = consumersOf(edge, index);
      const target = this.graph.topology.vertices[edge.target].id;
      for (let consumer = from; consumer < to; consumer++) yield subtaskId(target, consumer);
    }
  }

  private *resultsOf(producers: Iterable<SubtaskName>): Generator<ResultPartition> {
    for (const name of producers) {
      const hash = name.lastIndexOf("#");
      const position = this.graph.vertexIndex.get(name.slice(0, hash));
      for (const edge of position === undefined ? [] : this.graph.outputs[position]) {
        yield { edge: edge.index, producer: Number(name.slice(hash + 1)) };
      }
    }
  }

  private membersOf(region: number): SubtaskName[] {
    return Array.from(regionMembers(this.regions, region), (subtask) => this.nameOf(subtask));
  }

  private subtaskOf(task: SubtaskName): number | undefined {
    const hash = task.lastIndexOf("#");
    const vertex = this.graph.vertexIndex.get(task.slice(0, hash));
    const index = Number(task.slice(hash + 1));
    if (vertex === undefined || index >= this.graph.topology.vertices[vertex].parallelism) return undefined;
    return this.graph.offsets[vertex] + index;
  }
}

function servicesOf(vertex: JobVertex, services: JobSpec["services"]): readonly string[] {
  const called = new Set(vertex.operators.flatMap(({ spec }) => (spec.kind === "rpc" ? [spec.rpc.service] : [])));
  // A set gives what is added to it while it is gone through.
  for (const id of called) for (const next of services.find((service) => service.id === id)?.calls ?? []) called.add(next);
  return [...called];
}
