/**
 * Regions and failover scopes over random graphs: what always holds, and that the fast way finds what a plain model finds. The model below
 * follows the same rules subtask by subtask and edge by edge, on sets, and shares no code with what it checks.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  buildExecutionGraph,
  consumersOf,
  producersOf,
  subtaskIdAt,
  subtaskNumber,
  type ExecutionGraph,
  type JobTopology,
} from "../../simulator/graph/executionGraph";
import { failoverScope } from "../../simulator/graph/failoverScope";
import type { PartitionType } from "../../simulator/graph/jobFile";
import { computeRegions, regionMembers, type PipelinedRegions } from "../../simulator/graph/pipelinedRegion";
import { readyRegions, regionsReadyAfter, startRegions } from "../../simulator/graph/regionScheduling";
import { adjacencyOf, stronglyConnectedComponents } from "../../simulator/graph/stronglyConnectedComponents";

const TYPES: readonly PartitionType[] = [
  "BLOCKING",
  "BLOCKING_PERSISTENT",
  "PIPELINED",
  "PIPELINED_BOUNDED",
  "PIPELINED_APPROXIMATE",
  "HYBRID_FULL",
  "HYBRID_SELECTIVE",
];
const MUST: readonly PartitionType[] = ["PIPELINED", "PIPELINED_BOUNDED"];
const REUSED: readonly PartitionType[] = ["BLOCKING", "BLOCKING_PERSISTENT", "HYBRID_FULL", "PIPELINED_APPROXIMATE"];
const AFTER_COMPLETE: readonly PartitionType[] = ["BLOCKING", "BLOCKING_PERSISTENT"];

/** Random acyclic job graphs: up to 8 vertices of parallelism 1 to 6, up to 14 edges, parallel edges among them. */
const topologies: fc.Arbitrary<JobTopology> = fc
  .array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 })
  .chain((parallelism) => {
    const n = parallelism.length;
    const edge = fc.record({
      a: fc.nat(n - 1),
      b: fc.nat(n - 1),
      partitionType: fc.constantFrom(...TYPES),
      pattern: fc.constantFrom("POINTWISE" as const, "ALL_TO_ALL" as const, "POINTWISE" as const),
    });
    return fc
      .tuple(fc.array(edge, { maxLength: 14 }), fc.shuffledSubarray([...parallelism.keys()], { minLength: n }))
      .map(([edges, order]): JobTopology => ({
        // Vertices stand in any order: nothing may depend on producers coming first.
        vertices: order.map((i) => ({ id: `v${i}`, parallelism: parallelism[i] })),
        edges: edges
          .filter(({ a, b }) => a !== b)
          .map(({ a, b, partitionType, pattern }) => ({
            source: `v${Math.min(a, b)}`,
            target: `v${Math.max(a, b)}`,
            partitionType,
            pattern,
          })),
      }));
  });

interface ModelEdge {
  readonly edge: number;
  readonly from: string;
  readonly to: string;
  readonly type: PartitionType;
}

/** Every pair of subtasks that an edge joins, by the rules of wiring as they are written down. */
function pairs(topology: JobTopology): ModelEdge[] {
  const size = new Map(topology.vertices.map((vertex) => [vertex.id, vertex.parallelism]));
  return topology.edges.flatMap(({ source, target, pattern, partitionType: type }, edge) => {
    const [S, T] = [size.get(source)!, size.get(target)!];
    const found: ModelEdge[] = [];
    for (let p = 0; p < S; p++) {
      for (let c = 0; c < T; c++) {
        const joined =
          pattern === "ALL_TO_ALL" ||
          (S >= T
            ? Math.floor((c * S) / T) <= p && p < Math.floor(((c + 1) * S) / T)
            : Math.floor((p * T + S - 1) / S) <= c && c < Math.floor(((p + 1) * T + S - 1) / S));
        if (joined) found.push({ edge, from: `${source}#${p}`, to: `${target}#${c}`, type });
      }
    }
    return found;
  });
}

type Group = Set<string>;

function mergeWhile(groups: Group[], joins: (a: Group, b: Group) => boolean): Group[] {
  const all = groups.map((group) => new Set(group));
  for (let again = true; again;) {
    again = false;
    for (let i = 0; i < all.length && !again; i++) {
      for (let j = i + 1; j < all.length && !again; j++) {
        if (!joins(all[i], all[j])) continue;
        all[j].forEach((member) => all[i].add(member));
        all.splice(j, 1);
        again = true;
      }
    }
  }
  return all;
}

/** Merges groups that reach each other over `links`. */
function mergeCycles(groups: Group[], links: readonly { from: string; to: string }[]): Group[] {
  const reaches = (start: Group, goal: Group): boolean => {
    const seen = new Set([start]);
    const waiting = [start];
    for (let group = waiting.pop(); group !== undefined; group = waiting.pop()) {
      for (const { from, to } of links) {
        if (!group.has(from)) continue;
        const next = groups.find((other) => other.has(to));
        if (next === undefined || seen.has(next)) continue;
        if (next === goal) return true;
        seen.add(next);
        waiting.push(next);
      }
    }
    return false;
  };
  const cyclic = new Map(
    groups.map((group) => [
      group,
      groups.filter((other) => other !== group && reaches(group, other) && reaches(other, group)),
    ]),
  );
  const merged: Group[] = [];
  const done = new Set<Group>();
  for (const [group, others] of cyclic) {
    if (done.has(group)) continue;
    merged.push(new Set([group, ...others].flatMap((member) => [...member])));
    [group, ...others].forEach((member) => done.add(member));
  }
  return merged;
}

function modelRegions(topology: JobTopology): Group[] {
  const singles = topology.vertices.map(({ id }) => new Set([id]));
  const joined = mergeWhile(singles, (a, b) =>
    topology.edges.some(
      ({ source, target, partitionType }) =>
        MUST.includes(partitionType) && ((a.has(source) && b.has(target)) || (b.has(source) && a.has(target))),
    ),
  );
  const logical = mergeCycles(
    joined,
    topology.edges.map(({ source, target }) => ({ from: source, to: target })),
  );
  const wired = pairs(topology);
  return logical.flatMap((vertices): Group[] => {
    const subtasks = topology.vertices
      .filter(({ id }) => vertices.has(id))
      .flatMap(({ id, parallelism }) => Array.from({ length: parallelism }, (_, i) => `${id}#${i}`));
    const inside = topology.edges.filter(({ source, target }) => vertices.has(source) && vertices.has(target));
    if (inside.some(({ pattern }) => pattern === "ALL_TO_ALL")) return [new Set(subtasks)];
    const mine = wired.filter(({ from, to }) => subtasks.includes(from) && subtasks.includes(to));
    const regions = mergeWhile(
      subtasks.map((id) => new Set([id])),
      (a, b) =>
        mine.some(
          ({ from, to, type }) => MUST.includes(type) && ((a.has(from) && b.has(to)) || (b.has(from) && a.has(to))),
        ),
    );
    return mergeCycles(regions, mine);
  });
}

function modelScope(topology: JobTopology, regions: Group[], failed: string, lost: ReadonlySet<string>): Set<string> {
  const wired = pairs(topology);
  const scope = new Set(regions.filter((region) => region.has(failed)));
  for (let size = 0; size < scope.size;) {
    size = scope.size;
    for (const { edge, from, to, type } of wired) {
      const producer = regions.find((region) => region.has(from))!;
      const consumer = regions.find((region) => region.has(to))!;
      const available = !lost.has(`${edge} ${from}`) && REUSED.includes(type);
      if (scope.has(consumer) && !available) scope.add(producer);
      if (scope.has(producer)) scope.add(consumer);
    }
  }
  return new Set([...scope].flatMap((region) => [...region]));
}

function regionsAsIds(graph: ExecutionGraph, regions: PipelinedRegions): string[] {
  return asText(
    Array.from({ length: regions.count }, (_, r) =>
      Array.from(regionMembers(regions, r), (subtask) => subtaskIdAt(graph, subtask)),
    ),
  );
}

function asText(groups: Iterable<Iterable<string>>): string[] {
  return [...groups].map((group) => [...group].sort().join(" ")).sort();
}

interface Analysis {
  readonly graph: ExecutionGraph;
  readonly regions: PipelinedRegions;
}
function analyze(topology: JobTopology): Analysis {
  const graph = buildExecutionGraph(topology);
  return { graph, regions: computeRegions(graph) };
}

/** A graph, a failed task, and partitions that were lost. */
const failures = topologies.chain((topology) => {
  const subtasks = topology.vertices.flatMap(({ id, parallelism }) =>
    Array.from({ length: parallelism }, (_, i) => `${id}#${i}`),
  );
  const partitions = topology.edges.flatMap(({ source }, edge) => {
    const { parallelism } = topology.vertices.find(({ id }) => id === source)!;
    return Array.from({ length: parallelism }, (_, producer) => ({ edge, producer }));
  });
  return fc.record({
    topology: fc.constant(topology),
    failed: fc.constantFrom(...subtasks),
    lost: fc.subarray(partitions, { maxLength: Math.min(5, partitions.length) }),
    created: fc.subarray(subtasks, { maxLength: Math.min(6, subtasks.length) }),
  });
});

const RUNS = { numRuns: 600 };

describe("wiring, on random edges", function () {
  this.timeout(120_000);

  it("gives both sides the same pairs, as the plain rule has them", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.boolean(), (S, T, all) => {
        const topology: JobTopology = {
          vertices: [
            { id: "s", parallelism: S },
            { id: "t", parallelism: T },
          ],
          edges: [{ source: "s", target: "t", partitionType: "PIPELINED", pattern: all ? "ALL_TO_ALL" : "POINTWISE" }],
        };
        const [edge] = buildExecutionGraph(topology).edges;
        const expected = pairs(topology).map(({ from, to }) => `${from} ${to}`);
        const range = ([from, to]: readonly [number, number]): number[] =>
          Array.from({ length: to - from }, (_, i) => from + i);
        const forward = Array.from({ length: S }, (_, p) =>
          range(consumersOf(edge, p)).map((c) => `s#${p} t#${c}`),
        ).flat();
        const backward = Array.from({ length: T }, (_, c) =>
          range(producersOf(edge, c)).map((p) => `s#${p} t#${c}`),
        ).flat();
        assert.deepEqual(forward.sort(), expected.sort());
        assert.deepEqual(backward.sort(), expected);
      }),
      RUNS,
    );
  });
});

describe("pipelined regions, on random graphs", function () {
  this.timeout(120_000);

  it("are a partition of the subtasks", () => {
    fc.assert(
      fc.property(topologies, (topology) => {
        const { graph, regions } = analyze(topology);
        const all = Array.from({ length: regions.count }, (_, r) => [...regionMembers(regions, r)]);
        assert.ok(all.every((members) => members.length > 0));
        assert.deepEqual(
          all.flat().sort((a, b) => a - b),
          Array.from({ length: graph.subtaskCount }, (_, i) => i),
        );
        all.forEach((members, r) => members.forEach((subtask) => assert.equal(regions.regionOf[subtask], r)));
      }),
      RUNS,
    );
  });

  it("are left by no must-be-pipelined edge", () => {
    fc.assert(
      fc.property(topologies, (topology) => {
        const { graph, regions } = analyze(topology);
        for (const { from, to, type } of pairs(topology)) {
          if (!MUST.includes(type)) continue;
          assert.equal(regions.regionOf[subtaskNumber(graph, from)], regions.regionOf[subtaskNumber(graph, to)]);
        }
      }),
      RUNS,
    );
  });

  it("depend on each other without a cycle", () => {
    fc.assert(
      fc.property(topologies, (topology) => {
        const { graph, regions } = analyze(topology);
        const next = Array.from({ length: regions.count }, () => new Set<number>());
        for (const { from, to } of pairs(topology)) {
          const [a, b] = [regions.regionOf[subtaskNumber(graph, from)], regions.regionOf[subtaskNumber(graph, to)]];
          if (a !== b) next[a].add(b);
        }
        // Take away regions without followers until none is left.
        const left = new Set(next.keys());
        for (let again = true; again;) {
          again = false;
          for (const region of left) {
            if ([...next[region]].some((follower) => left.has(follower))) continue;
            left.delete(region);
            again = true;
          }
        }
        assert.equal(left.size, 0, "no region waits for itself");
      }),
      RUNS,
    );
  });

  it("are those of the plain model", () => {
    fc.assert(
      fc.property(topologies, (topology) => {
        const { graph, regions } = analyze(topology);
        assert.deepEqual(regionsAsIds(graph, regions), asText(modelRegions(topology)));
      }),
      RUNS,
    );
  });
});

describe("failover scopes, on random graphs", function () {
  this.timeout(120_000);

  it("are those of the plain model, with lost partitions and tasks that were not started", () => {
    fc.assert(
      fc.property(failures, ({ topology, failed, lost, created }) => {
        const { graph, regions } = analyze(topology);
        const scope = failoverScope(graph, regions, subtaskNumber(graph, failed), {
          lost,
          isCreated: (subtask) => created.includes(subtaskIdAt(graph, subtask)),
        });
        const lostNames = new Set(
          lost.map(({ edge, producer }) => `${edge} ${topology.edges[edge].source}#${producer}`),
        );
        const expected = [...modelScope(topology, modelRegions(topology), failed, lostNames)].filter(
          (id) => !created.includes(id),
        );
        assert.deepEqual(Array.from(scope.subtasks, (subtask) => subtaskIdAt(graph, subtask)).sort(), expected.sort());
      }),
      RUNS,
    );
  });

  it("hold the failed task's region, are closed under both rules, and say why each region is in them", () => {
    fc.assert(
      fc.property(failures, ({ topology, failed, lost }) => {
        const { graph, regions } = analyze(topology);
        const scope = failoverScope(graph, regions, subtaskNumber(graph, failed), { lost });
        const inScope = new Set(scope.regions);
        const regionOf = (id: string): number => regions.regionOf[subtaskNumber(graph, id)];
        assert.equal(scope.regions[0], regionOf(failed));
        assert.equal(inScope.size, scope.regions.length, "no region twice");
        for (const { edge, from, to, type } of pairs(topology)) {
          const isLost = lost.some(
            (partition) => partition.edge === edge && `${topology.edges[edge].source}#${partition.producer}` === from,
          );
          if (inScope.has(regionOf(to)) && (isLost || !REUSED.includes(type)))
            assert.ok(inScope.has(regionOf(from)), "rule (a)");
          if (inScope.has(regionOf(from))) assert.ok(inScope.has(regionOf(to)), "rule (b)");
        }
        scope.regions.forEach((region, i) => {
          const reason = scope.reasonOf(i);
          if (reason.kind === "failed-task" || reason.kind === "full") return assert.equal(i, 0);
          assert.ok([...scope.regions].indexOf(reason.from) < i, "the reason was there before");
          const { source, target } = topology.edges[reason.edge];
          const ends = pairs(topology).filter((pair) => pair.edge === reason.edge);
          assert.ok(
            reason.kind === "consumer"
              ? ends.some(({ from, to }) => regionOf(from) === reason.from && regionOf(to) === region)
              : ends.some(
                  ({ from, to }) =>
                    from === `${source}#${reason.producer}` &&
                    regionOf(from) === region &&
                    regionOf(to) === reason.from,
                ),
            `${source} to ${target} joins the two regions`,
          );
        });
      }),
      RUNS,
    );
  });

  it("are the whole job with strategy full", () => {
    fc.assert(
      fc.property(failures, ({ topology, failed }) => {
        const { graph, regions } = analyze(topology);
        const scope = failoverScope(graph, regions, subtaskNumber(graph, failed), { strategy: "full" });
        assert.equal(scope.subtasks.length, graph.subtaskCount);
        assert.equal(new Set(scope.regions).size, regions.count);
      }),
      RUNS,
    );
  });
});

describe("region scheduling, on random graphs", function () {
  this.timeout(120_000);

  it("schedules every region once, none before its inputs are ready, none later than that", () => {
    fc.assert(
      fc.property(topologies, fc.infiniteStream(fc.nat(1_000_000)), (topology, chance) => {
        const { graph, regions } = analyze(topology);
        const wired = pairs(topology).map((pair) => ({
          ...pair,
          from: subtaskNumber(graph, pair.from),
          to: subtaskNumber(graph, pair.to),
        }));
        const scheduled = new Set<number>();
        const finished = new Set<number>();
        const progress = {
          isScheduled: (region: number) => scheduled.has(region),
          isFinished: (subtask: number) => finished.has(subtask),
        };
        const isReady = (region: number): boolean =>
          wired
            .filter(({ from, to }) => regions.regionOf[to] === region && regions.regionOf[from] !== region)
            .every(({ from, type }) =>
              AFTER_COMPLETE.includes(type) ? finished.has(from) : scheduled.has(regions.regionOf[from]),
            );
        const accept = (order: readonly number[]): void => {
          for (const region of order) {
            assert.ok(!scheduled.has(region), "scheduled once");
            assert.ok(isReady(region), "scheduled when ready");
            scheduled.add(region);
          }
          for (let region = 0; region < regions.count; region++) {
            assert.ok(scheduled.has(region) || !isReady(region), "what is ready was scheduled");
          }
        };
        accept(startRegions(graph, regions));
        while (finished.size < graph.subtaskCount) {
          const running = Array.from({ length: graph.subtaskCount }, (_, i) => i).filter(
            (subtask) => !finished.has(subtask) && scheduled.has(regions.regionOf[subtask]),
          );
          assert.ok(running.length > 0, "the job does not get stuck");
          const next = running[chance.next().value! % running.length];
          finished.add(next);
          accept(regionsReadyAfter(graph, regions, next, progress));
        }
        assert.equal(scheduled.size, regions.count);
        assert.deepEqual(readyRegions(graph, regions, [...scheduled], progress), [], "nothing is scheduled again");
      }),
      { numRuns: 300 },
    );
  });
});

describe("strongly connected components, on random graphs", function () {
  this.timeout(120_000);

  it("are the nodes that reach each other", () => {
    const graphs = fc
      .integer({ min: 1, max: 14 })
      .chain((n) => fc.array(fc.array(fc.nat(n - 1), { maxLength: 4 }), { minLength: n, maxLength: n }));
    fc.assert(
      fc.property(graphs, (lists) => {
        const reach = lists.map((list, i) => new Set([i, ...list]));
        for (let k = 0; k < lists.length; k++) {
          for (const row of reach) if (row.has(k)) reach[k].forEach((target) => row.add(target));
        }
        const { componentOf } = stronglyConnectedComponents(adjacencyOf(lists));
        for (let a = 0; a < lists.length; a++) {
          for (let b = 0; b < lists.length; b++) {
            assert.equal(componentOf[a] === componentOf[b], reach[a].has(b) && reach[b].has(a), `${a} and ${b}`);
          }
        }
      }),
      RUNS,
    );
  });
});
