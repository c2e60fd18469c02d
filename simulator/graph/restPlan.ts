/**
 * The plan that Flink's REST API gives: `GET /jobs/:jid/plan`, and the one inside `GET /jobs/:jid`.
 * Source: Flink's `JsonPlanGenerator` (text) and, in newer versions, `JobPlanInfo`.
 */
import { quote } from "./checkAgainstSchema";
import { didYouMean } from "./closestName";
import { unescapeHtml } from "./htmlText";
import type { PartitionType } from "./jobFile";
import { chainName } from "./jobGraph";
import { parseOperatorTree } from "./operatorTree";
import { inTopologicalOrder, type PlanEdge, type PlanGraph, type PlanOperator, type PlanVertex } from "./planGraph";
import {
  field,
  idField,
  isObject,
  listField,
  parallelismField,
  readPartitionType,
  readShip,
  textField,
  type JsonObject,
  type JsonPath,
  type PlanProblems,
} from "./planReading";

interface NodeReading {
  readonly node: JsonObject;
  readonly path: JsonPath;
  readonly id: string;
  readonly parallelism: number;
  readonly inputs: readonly {
    readonly input: JsonObject;
    readonly path: JsonPath;
    readonly id: string;
    readonly num: number;
  }[];
}

/** Ids that somebody wrote over: `<vertex-id>`. */
const PLACEHOLDER = /^<.*>$/;

/**
 * Reads a plan; `undefined` when `found` has findings. `job` is the answer of `/jobs/:jid` around it, for names.
 * Throws FL1011 for a cycle.
 */
export function readRestPlan(
  plan: JsonObject,
  path: JsonPath,
  job: JsonObject | undefined,
  found: PlanProblems,
): PlanGraph | undefined {
  const notes: string[] = [];
  const read = readNodes(plan, path, found);
  const nodes = found.any ? undefined : withDistinctIds(read, notes, found);
  if (nodes === undefined) return undefined;
  const names = verticesOfJob(job);
  const vertices = nodes.map((node): PlanVertex => restVertex(node, names.get(node.id)));
  const mode = modeOf(plan, job);
  const edges = restEdges(nodes, mode, notes, found);
  if (found.any) return undefined;
  if (vertices.some((vertex) => vertex.declaredParallelism < 0)) notes.push(UNDECIDED_NOTE);
  const name = textField(plan, "name") || (job === undefined ? "" : textField(job, "name")) || "unnamed";
  return {
    name,
    form: job === undefined ? "rest-plan" : "rest-job",
    mode,
    vertices: inTopologicalOrder(vertices, edges),
    edges,
    notes,
  };
}

export const UNDECIDED_NOTE =
  "The parallelism of some vertices is not decided yet (-1). One subtask stands for each of them in the regions.";

function readNodes(plan: JsonObject, path: JsonPath, found: PlanProblems): NodeReading[] {
  const nodes: NodeReading[] = [];
  (listField(plan, "nodes", path, found) ?? []).forEach((node, i) => {
    const nodePath = [...path, "nodes", i];
    if (!isObject(node)) {
      found.add("FL1003", nodePath, "A node of the plan must be an object.");
      return;
    }
    const id = idField(node, "id", nodePath, found);
    const parallelism = parallelismField(node, nodePath, found);
    const inputs = (listField(node, "inputs", nodePath, found) ?? []).flatMap((input, j) => {
      const inputPath = [...nodePath, "inputs", j];
      if (!isObject(input)) {
        found.add("FL1003", inputPath, "An input must be an object.");
        return [];
      }
      const from = idField(input, "id", inputPath, found);
      const num = field(input, "num");
      return from === undefined ? [] : [{ input, path: inputPath, id: from, num: typeof num === "number" ? num : j }];
    });
    if (id !== undefined && parallelism !== undefined) nodes.push({ node, path: nodePath, id, parallelism, inputs });
  });
  return nodes;
}

/**
 * Two nodes with one id are an error (FL1012), unless the ids were written over with a placeholder, as in examples of the documentation:
 * then the edges of a plain chain can still be told from the order of the nodes.
 */
function withDistinctIds(
  nodes: readonly NodeReading[],
  notes: string[],
  found: PlanProblems,
): readonly NodeReading[] | undefined {
  const seen = new Set<string>();
  const repeated = nodes.filter(({ id }) => seen.size === seen.add(id).size);
  if (repeated.length === 0) return nodes;
  const allPlaceholders = nodes.every(
    ({ id, inputs }) => PLACEHOLDER.test(id) && inputs.every((input) => PLACEHOLDER.test(input.id)),
  );
  const sinkFirst =
    nodes.slice(0, -1).every(({ inputs }) => inputs.length === 1) && nodes[nodes.length - 1].inputs.length === 0;
  const sourceFirst = nodes.slice(1).every(({ inputs }) => inputs.length === 1) && nodes[0].inputs.length === 0;
  if (!allPlaceholders || (!sinkFirst && !sourceFirst)) {
    for (const { id, path } of repeated) {
      const hint = PLACEHOLDER.test(id)
        ? "The ids were written over with a placeholder, and the plan is no plain chain: its edges cannot be told. Use the plan as Flink gave it."
        : "Every node of a plan has an id of its own.";
      found.add("FL1012", [...path, "id"], `Two nodes have the id ${quote(id)}.`, hint);
    }
    return undefined;
  }
  const newId = (i: number): string => `vertex-${sinkFirst ? nodes.length - i : i + 1}`;
  notes.push(
    `All ids in the file are the placeholder ${quote(nodes[0].id)}. The nodes form a chain, so the edges were read from their order; ` +
      "the ids vertex-1, vertex-2, … were given here.",
  );
  return nodes.map((node, i) => ({
    ...node,
    id: newId(i),
    inputs: node.inputs.map((input) => ({ ...input, id: newId(sinkFirst ? i + 1 : i - 1) })),
  }));
}

function verticesOfJob(job: JsonObject | undefined): ReadonlyMap<string, string> {
  const vertices = job === undefined ? undefined : field(job, "vertices");
  if (!Array.isArray(vertices)) return new Map();
  return new Map(vertices.filter(isObject).map((vertex) => [textField(vertex, "id"), textField(vertex, "name")]));
}

function restVertex(reading: NodeReading, nameInJob: string | undefined): PlanVertex {
  const { id, node, parallelism } = reading;
  const description = unescapeHtml(textField(node, "description")).trimEnd();
  const operators = operatorsOf(id, description === "" ? textField(node, "operator") || id : description);
  return {
    id,
    name: nameInJob || nameOf(operators),
    parallelism: Math.max(1, parallelism),
    declaredParallelism: parallelism,
    description,
    operators,
  };
}

/** Operators of a vertex from its description, with ids made of the vertex's and their position. */
export function operatorsOf(vertexId: string, description: string): PlanOperator[] {
  return parseOperatorTree(description).map(({ name, input }, i) => ({
    id: `${vertexId}/${i}`,
    name,
    ...(input === undefined ? {} : { input: `${vertexId}/${input}` }),
  }));
}

export function nameOf(operators: readonly PlanOperator[]): string {
  return chainName(
    operators,
    operators.flatMap(({ id, input }) => (input === undefined ? [] : [{ source: input, target: id }])),
  );
}

export function modeOf(plan: JsonObject, job: JsonObject | undefined): PlanGraph["mode"] {
  const type = textField(plan, "type") || (job === undefined ? "" : textField(job, "job-type"));
  return type === "BATCH" ? "batch" : type === "STREAMING" ? "streaming" : undefined;
}

function restEdges(
  nodes: readonly NodeReading[],
  mode: PlanGraph["mode"],
  notes: string[],
  found: PlanProblems,
): PlanEdge[] {
  const ids = nodes.map((node) => node.id);
  const known = new Set(ids);
  const unknownShips = new Set<string>();
  let withoutExchange = 0;
  const edges: PlanEdge[] = [];
  for (const node of nodes) {
    for (const { input, path, id } of node.inputs.toSorted((a, b) => a.num - b.num)) {
      if (!known.has(id)) {
        found.add(
          "FL1010",
          [...path, "id"],
          `An input comes from ${quote(id)}, which is no node of the plan.`,
          found.any ? undefined : didYouMean(id, ids),
        );
        continue;
      }
      const exchange = field(input, "exchange");
      let partitionType: PartitionType | undefined = mode === "batch" ? "BLOCKING" : "PIPELINED_BOUNDED";
      if (typeof exchange === "string") partitionType = readPartitionType(exchange, [...path, "exchange"], found);
      else if (exchange === undefined || exchange === null) withoutExchange++;
      else partitionType = readPartitionType(JSON.stringify(exchange), [...path, "exchange"], found);
      if (partitionType === undefined) continue;
      const ship = readShip(field(input, "ship_strategy"));
      if (ship.derived) unknownShips.add(ship.ship);
      edges.push({
        source: id,
        target: node.id,
        pattern: ship.pattern,
        partitionType,
        declaredPartitionType: partitionType,
        ship: ship.ship,
        derived: ship.derived || typeof exchange !== "string",
      });
    }
  }
  if (withoutExchange > 0) {
    notes.push(
      `${withoutExchange} inputs say no exchange; ${mode === "batch" ? "BLOCKING (a batch job)" : "PIPELINED_BOUNDED (Flink's for streaming)"} was taken.`,
    );
  }
  addShipNotes(unknownShips, notes);
  return edges;
}

/** Says of which ship strategies the pattern was derived. */
export function addShipNotes(unknown: ReadonlySet<string>, notes: string[]): void {
  if (unknown.size === 0) return;
  const shown = [...unknown].slice(0, 5).map(quote).join(", ");
  notes.push(
    `The ship strategy ${shown} is not one of Flink's own; ALL_TO_ALL was taken, as for every partitioner but FORWARD and RESCALE.`,
  );
}
