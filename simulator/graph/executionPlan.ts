/**
 * The plan of `StreamExecutionEnvironment.getExecutionPlan()` and of EXPLAIN with its execution plan: operators before chaining, without
 * partition types. Source: Flink's `JSONGenerator`. Chaining and partition types are derived, by the rules that Flink would apply.
 */
import { chainingObstacles } from "./chaining";
import { quote } from "./checkAgainstSchema";
import { didYouMean } from "./closestName";
import { topologicalOrder } from "./jobGraph";
import { inTopologicalOrder, type PlanEdge, type PlanGraph, type PlanOperator, type PlanVertex } from "./planGraph";
import {
  field,
  idField,
  isObject,
  listField,
  parallelismField,
  readShip,
  textField,
  type JsonObject,
  type JsonPath,
  type PlanProblems,
  type ShipReading,
} from "./planReading";
import { UNDECIDED_NOTE, addShipNotes, nameOf } from "./restPlan";

interface ExecutionNode {
  readonly id: string;
  readonly path: JsonPath;
  readonly name: string;
  readonly pact: string;
  readonly contents: string;
  readonly parallelism: number;
  readonly predecessors: readonly { readonly id: string; readonly ship: ShipReading }[];
}

export const DERIVED_NOTE =
  "An execution plan shows operators before chaining and says no partition types. Chaining was derived with Flink's defaults " +
  "(one slot sharing group, chaining allowed), and all exchanges as PIPELINED_BOUNDED (a streaming job).";

/** Reads an execution plan; `undefined` when `found` has findings. Throws FL1011 for a cycle. */
export function readExecutionPlan(plan: JsonObject, found: PlanProblems): PlanGraph | undefined {
  const nodes = readNodes(plan, found);
  if (found.any) return undefined;
  const notes = [DERIVED_NOTE];
  addShipNotes(
    new Set(nodes.flatMap((node) => node.predecessors.filter(({ ship }) => ship.derived).map(({ ship }) => ship.ship))),
    notes,
  );
  if (nodes.some((node) => node.parallelism < 0)) notes.push(UNDECIDED_NOTE);
  const { vertices, edges } = chainNodes(nodes);
  const name = textField(plan, "name") || "execution plan";
  return { name, form: "execution-plan", mode: undefined, vertices: inTopologicalOrder(vertices, edges), edges, notes };
}

function readNodes(plan: JsonObject, found: PlanProblems): ExecutionNode[] {
  const nodes: ExecutionNode[] = [];
  (listField(plan, "nodes", [], found) ?? []).forEach((node, i) => {
    const path: JsonPath = ["nodes", i];
    if (!isObject(node)) {
      found.add("FL1003", path, "A node of the plan must be an object.");
      return;
    }
    const id = idField(node, "id", path, found);
    const parallelism = parallelismField(node, path, found);
    const predecessors = (listField(node, "predecessors", path, found) ?? []).flatMap((predecessor, j) => {
      const inner = [...path, "predecessors", j];
      if (!isObject(predecessor)) {
        found.add("FL1003", inner, "A predecessor must be an object.");
        return [];
      }
      const from = idField(predecessor, "id", inner, found);
      return from === undefined ? [] : [{ id: from, ship: readShip(field(predecessor, "ship_strategy")) }];
    });
    if (id === undefined || parallelism === undefined) return;
    const contents = textField(node, "contents");
    const name = textField(node, "type") || contents || id;
    nodes.push({ id, path, name, pact: textField(node, "pact"), contents, parallelism, predecessors });
  });
  const known = new Set<string>();
  for (const { id, path } of nodes) {
    if (known.has(id))
      found.add(
        "FL1012",
        [...path, "id"],
        `Two nodes have the id ${quote(id)}.`,
        "Every node of a plan has an id of its own.",
      );
    known.add(id);
  }
  for (const { path, predecessors } of nodes) {
    predecessors.forEach(({ id }, j) => {
      if (known.has(id)) return;
      const hint = found.any ? undefined : didYouMean(id, [...known]);
      found.add(
        "FL1010",
        [...path, "predecessors", j, "id"],
        `A predecessor is ${quote(id)}, which is no node of the plan.`,
        hint,
      );
    });
  }
  return nodes;
}

function chainNodes(nodes: readonly ExecutionNode[]): { readonly vertices: PlanVertex[]; readonly edges: PlanEdge[] } {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const targets = new Map<string, string[]>(nodes.map((node) => [node.id, []]));
  for (const node of nodes) for (const { id } of node.predecessors) targets.get(id)!.push(node.id);
  const headOf = new Map<string, string>();
  const chains = new Map<string, PlanOperator[]>();
  const edges: PlanEdge[] = [];
  for (const id of topologicalOrder([...byId.keys()], (from) => targets.get(from)!)) {
    const node = byId.get(id)!;
    const reasons = obstacles(node, byId);
    const operator: PlanOperator = { id, name: node.name, ...(node.pact === "" ? {} : { kind: node.pact }) };
    if (node.predecessors.length > 0 && reasons.length === 0) {
      const input = node.predecessors[0].id;
      headOf.set(id, headOf.get(input)!);
      chains.get(headOf.get(input)!)!.push({ ...operator, input });
      continue;
    }
    headOf.set(id, id);
    chains.set(id, [{ ...operator, notChained: reasons }]);
    for (const { id: from, ship } of node.predecessors) {
      edges.push({
        source: headOf.get(from)!,
        target: id,
        pattern: ship.pattern,
        partitionType: "PIPELINED_BOUNDED",
        declaredPartitionType: "PIPELINED_BOUNDED",
        ship: ship.ship,
        derived: true,
        sourceOperator: from,
        targetOperator: id,
      });
    }
  }
  const vertices = [...chains].map(([id, operators]): PlanVertex => {
    const { parallelism } = byId.get(id)!;
    return {
      id,
      name: nameOf(operators),
      parallelism: Math.max(1, parallelism),
      declaredParallelism: parallelism,
      description: operators.map((operator) => byId.get(operator.id)!.contents).join("\n"),
      operators,
    };
  });
  return { vertices, edges };
}

function obstacles(node: ExecutionNode, byId: ReadonlyMap<string, ExecutionNode>): readonly string[] {
  if (node.predecessors.length === 0) return [];
  const [{ id, ship }] = node.predecessors;
  const common = { maxParallelism: undefined, slotSharingGroup: "default", chaining: "ALWAYS" } as const;
  return chainingObstacles({
    upstream: { ...common, parallelism: byId.get(id)!.parallelism },
    downstream: { ...common, parallelism: node.parallelism },
    ship: ship.ship.toUpperCase().startsWith("FORWARD") ? "FORWARD" : ship.ship,
    partitionType: undefined,
    inputs: node.predecessors.length,
    enabled: true,
  });
}
