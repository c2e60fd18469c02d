/**
 * Cases of Flink's own tests for wiring, pipelined regions, failover scopes, region scheduling and strongly connected components.
 * One test a case, named by the Java suite and test it comes from.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import {
  buildExecutionGraph,
  producersOf,
  subtaskIdAt,
  subtaskNumber,
  type ExecutionGraph,
  type JobTopology,
} from "../../simulator/graph/executionGraph";
import { failoverScope, type FailoverStrategy } from "../../simulator/graph/failoverScope";
import type { DistributionPattern, PartitionType } from "../../simulator/graph/jobFile";
import {
  computeLogicalRegions,
  computeRegions,
  regionMembers,
  type PipelinedRegions,
} from "../../simulator/graph/pipelinedRegion";
import { regionsReadyAfter, startRegions } from "../../simulator/graph/regionScheduling";
import { adjacencyOf, stronglyConnectedComponents } from "../../simulator/graph/stronglyConnectedComponents";

interface Case {
  readonly suite: string;
  readonly test: string;
  readonly variant?: string;
  readonly level: "execution" | "job" | "pointwise" | "scc";
  readonly strategy?: FailoverStrategy;
  readonly vertices: readonly (string | number)[] | string;
  readonly parallelism?: Readonly<Record<string, number>>;
  readonly adjacency?: readonly (readonly number[])[];
  readonly generator?: string;
  readonly states?: Readonly<Record<string, string>>;
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly type: PartitionType;
    readonly pattern: DistributionPattern;
    readonly partition?: string;
  }[];
  readonly regions?: readonly (readonly string[])[];
  readonly expect: {
    readonly regions?: readonly (readonly string[])[];
    readonly regionCount?: number;
    readonly regionSizes?: readonly number[];
    readonly failover?: readonly {
      readonly fail: string;
      readonly unavailable: readonly string[];
      readonly finished: readonly string[];
      readonly restart: readonly string[];
    }[];
    readonly schedule?: readonly (readonly string[])[];
    readonly components?: readonly (readonly number[])[] | string;
    readonly consumedPartitionsPerConsumer?: readonly (readonly number[])[];
  };
}

const HELD_HERE = path.join(__dirname, "../fixtures/region-conformance.json");
const SHARED = path.join(__dirname, "../../../shared/flink/region-conformance.json");
const cases = JSON.parse(readFileSync(existsSync(SHARED) ? SHARED : HELD_HERE, "utf8")) as readonly Case[];

function topologyOf(test: Case): JobTopology {
  const ids = test.vertices as readonly string[];
  return {
    vertices: ids.map((id) => ({ id, parallelism: test.parallelism?.[id] ?? 1 })),
    edges: test.edges.map(({ from, to, type, pattern }) => ({
      source: from,
      target: to,
      partitionType: type,
      pattern,
    })),
  };
}

/** Members by name; a subtask of a vertex without given parallelism goes by the vertex's name, as in the cases. */
function named(test: Case, graph: ExecutionGraph, subtasks: Iterable<number>): string[] {
  return [...subtasks].map((subtask) => {
    const id = subtaskIdAt(graph, subtask);
    return test.parallelism === undefined ? id.replace(/#0$/, "") : id;
  });
}

function sets(groups: Iterable<Iterable<string | number>>): string[] {
  return [...groups].map((group) => JSON.stringify([...group].sort())).sort();
}

function regionsOf(test: Case, graph: ExecutionGraph, regions: PipelinedRegions): string[][] {
  return Array.from({ length: regions.count }, (_, r) => named(test, graph, regionMembers(regions, r)));
}

describe("Flink's cases of pipelined regions", function () {
  this.timeout(60_000);

  for (const test of cases) {
    it(`${test.suite}.${test.test}${test.variant === undefined ? "" : ` (${test.variant})`}`, () => {
      let checked = 0;
      if (test.level === "scc") return checkComponents(test);
      const graph = buildExecutionGraph(topologyOf(test));
      if (test.level === "pointwise") {
        assert.ok(test.expect.consumedPartitionsPerConsumer);
        test.expect.consumedPartitionsPerConsumer.forEach((expected, consumer) => {
          const [from, to] = producersOf(graph.edges[0], consumer);
          assert.deepEqual(
            Array.from({ length: to - from }, (_, i) => from + i),
            expected,
          );
        });
        return;
      }
      const regions = computeRegions(graph);
      const expected = test.expect.regions ?? test.regions;
      if (expected !== undefined) {
        if (test.level === "job" && test.parallelism === undefined) {
          const logical = computeLogicalRegions(graph);
          const groups = new Map<number, string[]>();
          graph.topology.vertices.forEach(({ id }, i) => {
            groups.set(logical.regionOf[i], [...(groups.get(logical.regionOf[i]) ?? []), id]);
          });
          assert.deepEqual(sets(groups.values()), sets(expected));
        }
        assert.deepEqual(sets(regionsOf(test, graph, regions)), sets(expected));
        checked++;
      }
      if (test.expect.regionCount !== undefined) assert.equal(regions.count, test.expect.regionCount);
      if (test.expect.regionSizes !== undefined) {
        const sizes = regionsOf(test, graph, regions).map((region) => region.length);
        assert.deepEqual(sizes.sort(), [...test.expect.regionSizes].sort());
      }
      for (const failover of test.expect.failover ?? []) {
        const lost = failover.unavailable.map((partition) => {
          const edge = test.edges.findIndex((e) => e.partition === partition);
          assert.ok(edge >= 0, `partition ${partition} is one of the case`);
          return { edge, producer: 0 };
        });
        const scope = failoverScope(graph, regions, subtaskNumber(graph, `${failover.fail}#0`), {
          strategy: test.strategy,
          lost,
          isCreated: (subtask) => test.states?.[named(test, graph, [subtask])[0]] === "CREATED",
        });
        assert.deepEqual(named(test, graph, scope.subtasks).sort(), [...failover.restart].sort());
        checked++;
      }
      if (test.expect.schedule !== undefined) {
        checkSchedule(graph, regions, test.expect.schedule);
        checked++;
      }
      assert.ok(checked > 0, "the case expects something that is checked");
    });
  }
});

function checkComponents(test: Case): void {
  const ring = /^ring: i -> \(i\+1\) mod (\d+)$/.exec(test.generator ?? "");
  const lists = ring
    ? Array.from({ length: Number(ring[1]) }, (_, i) => [(i + 1) % Number(ring[1])])
    : (test.adjacency ?? assert.fail("the case has edges"));
  const { componentOf, count } = stronglyConnectedComponents(adjacencyOf(lists));
  if (ring) {
    assert.equal(count, 1);
    assert.ok(componentOf.every((component) => component === 0));
    return;
  }
  const groups = Array.from({ length: count }, (): number[] => []);
  componentOf.forEach((component, node) => groups[component].push(node));
  assert.deepEqual(sets(groups), sets(test.expect.components as readonly number[][]));
}

/**
 * The cases describe schedules in words: `region(v3#0)`, `v2#0 after v1#0 FINISHED`. The first entry is the start; each later one
 * names the region that follows when a task has finished.
 */
function checkSchedule(
  graph: ExecutionGraph,
  regions: PipelinedRegions,
  schedule: readonly (readonly string[])[],
): void {
  const regionAt = (id: string): number => regions.regionOf[subtaskNumber(graph, id)];
  const tasksIn = (text: string): string[] => text.match(/\w+#\d+/g) ?? [];
  const scheduled = new Set(startRegions(graph, regions));
  assert.deepEqual(
    [...scheduled].sort(),
    [...new Set(schedule[0].flatMap(tasksIn).map(regionAt))].sort(),
    "regions at the start",
  );
  const finished = new Set<number>();
  for (const [step] of schedule.slice(1)) {
    const [expected, cause] = step.split(" after ").map(tasksIn);
    assert.equal(cause.length, 1);
    assert.ok(!scheduled.has(regionAt(expected[0])), "it was not scheduled before");
    finished.add(subtaskNumber(graph, cause[0]));
    const next = regionsReadyAfter(graph, regions, subtaskNumber(graph, cause[0]), {
      isScheduled: (region) => scheduled.has(region),
      isFinished: (subtask) => finished.has(subtask),
    });
    assert.deepEqual([...next], expected.map(regionAt));
    next.forEach((region) => scheduled.add(region));
  }
}
