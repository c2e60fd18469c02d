/**
 * The `stream-graph` that newer versions of Flink give in `/jobs/:jid` for batch jobs whose job graph is built while they run: operators
 * with the job vertex that they became part of, or none while they are pending. Source: Flink's `JsonPlanGenerator.generateStreamGraphJson`
 * and `StreamExchangeMode`.
 */
import { quote } from "./checkAgainstSchema";
import { didYouMean } from "./closestName";
import { unescapeHtml } from "./htmlText";
import type { PartitionType } from "./jobFile";
import { isPartitionType } from "./partitionType";
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

interface StreamNode {
  readonly id: string;
  readonly path: JsonPath;
  readonly name: string;
  readonly description: string;
  readonly parallelism: number;
  readonly vertex: string | undefined;
  readonly inputs: readonly { readonly id: string; readonly ship: ShipReading; readonly exchange: Exchange }[];
}

interface Exchange {
  readonly declared: PartitionType | "UNDEFINED";
  readonly used: PartitionType;
}

/** `StreamExchangeMode` → `ResultPartitionType`. */
const EXCHANGE_MODES: Readonly<Record<string, PartitionType>> = {
  PIPELINED: "PIPELINED_BOUNDED",
  BATCH: "BLOCKING",
  HYBRID_FULL: "HYBRID_FULL",
  HYBRID_SELECTIVE: "HYBRID_SELECTIVE",
};

/** Reads a stream graph; `undefined` when `found` has findings. Throws FL1011 for a cycle. */
export function readStreamGraph(
  root: JsonObject,
  path: JsonPath,
  job: JsonObject | undefined,
  found: PlanProblems,
): PlanGraph | undefined {
  const nodes = readNodes(root, path, found);
  if (found.any) return undefined;
  const pending = nodes.filter((node) => node.vertex === undefined);
  const notes = [
    "Operators of one job vertex were put together by job_vertex_id; partition types come from exchange modes (BATCH is BLOCKING, PIPELINED is PIPELINED_BOUNDED).",
  ];
  if (pending.length > 0) {
    notes.push(
      `${pending.length} operators are pending: Flink has not made job vertices of them yet, so each is shown as a vertex. ` +
        "An UNDEFINED exchange counts as chained (one region) where it is FORWARD, and as BLOCKING otherwise.",
    );
  }
  if (nodes.some((node) => node.parallelism < 0)) notes.push(UNDECIDED_NOTE);
  addShipNotes(
    new Set(nodes.flatMap((node) => node.inputs.filter(({ ship }) => ship.derived).map(({ ship }) => ship.ship))),
    notes,
  );
  const { vertices, edges } = groupNodes(nodes, found);
  if (found.any) return undefined;
  const name = textField(root, "name") || (job === undefined ? "" : textField(job, "name")) || "stream graph";
  return { name, form: "stream-graph", mode: "batch", vertices: inTopologicalOrder(vertices, edges), edges, notes };
}

function readNodes(root: JsonObject, path: JsonPath, found: PlanProblems): StreamNode[] {
  const nodes: StreamNode[] = [];
  (listField(root, "nodes", path, found) ?? []).forEach((node, i) => {
    const nodePath = [...path, "nodes", i];
    if (!isObject(node)) {
      found.add("FL1003", nodePath, "A node of the stream graph must be an object.");
      return;
    }
    const id = idField(node, "id", nodePath, found);
    const parallelism = parallelismField(node, nodePath, found);
    const inputs = readInputs(node, nodePath, found);
    if (id === undefined || parallelism === undefined) return;
    const vertex = textField(node, "job_vertex_id");
    const description = unescapeHtml(textField(node, "description")).trimEnd();
    const name = textField(node, "operator") || description || id;
    nodes.push({
      id,
      path: nodePath,
      name,
      description,
      parallelism,
      vertex: vertex === "" ? undefined : vertex,
      inputs,
    });
  });
  const known = new Set<string>();
  for (const { id, path: nodePath } of nodes) {
    if (known.has(id))
      found.add(
        "FL1012",
        [...nodePath, "id"],
        `Two nodes have the id ${quote(id)}.`,
        "Every node has an id of its own.",
      );
    known.add(id);
  }
  for (const { path: nodePath, inputs } of nodes) {
    inputs.forEach(({ id }, j) => {
      if (known.has(id)) return;
      const hint = found.any ? undefined : didYouMean(id, [...known]);
      found.add(
        "FL1010",
        [...nodePath, "inputs", j, "id"],
        `An input comes from ${quote(id)}, which is no node of the stream graph.`,
        hint,
      );
    });
  }
  return nodes;
}

function readInputs(node: JsonObject, path: JsonPath, found: PlanProblems): StreamNode["inputs"] {
  return (listField(node, "inputs", path, found) ?? []).flatMap((input, j) => {
    const inner = [...path, "inputs", j];
    if (!isObject(input)) {
      found.add("FL1003", inner, "An input must be an object.");
      return [];
    }
    const id = idField(input, "id", inner, found);
    const ship = readShip(field(input, "ship_strategy"));
    const exchange = readExchange(field(input, "exchange"), ship, [...inner, "exchange"], found);
    return id === undefined || exchange === undefined ? [] : [{ id, ship, exchange }];
  });
}

function readExchange(written: unknown, ship: ShipReading, path: JsonPath, found: PlanProblems): Exchange | undefined {
  if (written === undefined || written === null || written === "UNDEFINED") {
    return { declared: "UNDEFINED", used: ship.ship.startsWith("FORWARD") ? "PIPELINED_BOUNDED" : "BLOCKING" };
  }
  if (typeof written === "string" && Object.hasOwn(EXCHANGE_MODES, written.toUpperCase())) {
    const type = EXCHANGE_MODES[written.toUpperCase()];
    return { declared: type, used: type };
  }
  if (typeof written === "string" && isPartitionType(written.toUpperCase())) {
    const type = written.toUpperCase() as PartitionType;
    return { declared: type, used: type };
  }
  const known = [...Object.keys(EXCHANGE_MODES), "UNDEFINED"];
  const hint = typeof written === "string" ? didYouMean(written, known) : `Known: ${known.join(", ")}.`;
  found.add("FL1014", path, `The exchange ${quote(written)} is not known.`, hint);
  return undefined;
}

function groupNodes(
  nodes: readonly StreamNode[],
  found: PlanProblems,
): { readonly vertices: PlanVertex[]; readonly edges: PlanEdge[] } {
  const vertexOf = new Map(nodes.map((node) => [node.id, node.vertex ?? node.id]));
  const groups = new Map<string, StreamNode[]>();
  for (const node of nodes) {
    const id = node.vertex ?? node.id;
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [node]);
    else if (node.vertex === undefined || group[0].vertex === undefined) {
      found.add("FL1012", [...node.path, "id"], `${quote(id)} is the id of a pending operator and of a job vertex.`);
    } else group.push(node);
  }
  const vertices = [...groups].map(([id, group]): PlanVertex => {
    const operators = group.map((node): PlanOperator => {
      const input = node.inputs.find((candidate) => node.vertex !== undefined && vertexOf.get(candidate.id) === id);
      return { id: node.id, name: node.name, ...(input === undefined ? {} : { input: input.id }) };
    });
    const parallelism = group.find((node) => node.parallelism > 0)?.parallelism ?? -1;
    return {
      id,
      name: nameOf(headFirst(operators)),
      parallelism: Math.max(1, parallelism),
      declaredParallelism: parallelism,
      description: group.map((node) => node.description || node.name).join("\n"),
      operators: headFirst(operators),
    };
  });
  const edges = nodes.flatMap((node) =>
    node.inputs
      .filter((input) => vertexOf.get(input.id) !== vertexOf.get(node.id))
      .map(({ id, ship, exchange }): PlanEdge => ({
        source: vertexOf.get(id)!,
        target: vertexOf.get(node.id)!,
        pattern: ship.pattern,
        partitionType: exchange.used,
        declaredPartitionType: exchange.declared,
        ship: ship.ship,
        derived: true,
        sourceOperator: id,
        targetOperator: node.id,
      })),
  );
  return { vertices, edges };
}

/** Operators of a vertex so that each comes after the one it is chained to; those on a cycle (no chain has one) at the end. */
function headFirst(operators: readonly PlanOperator[]): PlanOperator[] {
  const followers = new Map<string | undefined, PlanOperator[]>();
  for (const operator of operators) {
    const list = followers.get(operator.input);
    if (list === undefined) followers.set(operator.input, [operator]);
    else list.push(operator);
  }
  const ordered = [...(followers.get(undefined) ?? [])];
  for (let i = 0; i < ordered.length; i++) ordered.push(...(followers.get(ordered[i].id) ?? []));
  const placed = new Set(ordered);
  return [...ordered, ...operators.filter((operator) => !placed.has(operator))];
}
