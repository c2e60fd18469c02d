/**
 * What the fields of a job file mean together: references, the shape of the graph, parallelism, slots and times.
 * The first part works on any file whose operators and edges can be told apart, so that one wrong field hides nothing else.
 */
import type { Node } from "jsonc-parser";
import { didYouMean } from "./closestName";
import { fieldPath, membersOf, quote, type ProblemCollector } from "./checkAgainstSchema";
import { checkServices } from "./checkServices";
import { findCycle } from "./cycle";
import { parseDuration } from "./durations";
import { buildExecutionGraph, vertexOfSubtask } from "./executionGraph";
import { buildJobGraph } from "./jobGraph";
import { EXPIRED_OUTPUT, type JobSpec } from "./jobFile";
import { OPERATOR } from "./operatorSchema";
import { computeRegions, regionMembers } from "./pipelinedRegion";

const OPERATOR_TYPES = new Set((OPERATOR.oneOf ?? []).map((branch) => branch.properties?.type?.const));

interface Sketch {
  readonly root: ReadonlyMap<string, Node>;
  readonly operators: ReadonlyMap<
    string,
    { readonly node: Node; readonly type: string; readonly fields: ReadonlyMap<string, Node> }
  >;
  readonly services: ReadonlyMap<string, { readonly node: Node; readonly fields: ReadonlyMap<string, Node> }>;
  readonly edges: readonly { readonly node: Node; readonly from: Node | undefined; readonly to: Node | undefined }[];
}

function sketch(root: Node): Sketch {
  const members = membersOf(root, "");
  const objects = (name: string): [string, Node][] =>
    [...(members.get(name)?.type === "object" ? membersOf(members.get(name) as Node, name) : [])].filter(
      ([, node]) => node.type === "object",
    );
  return {
    root: members,
    operators: new Map(
      objects("operators").map(([id, node]) => {
        const fields = membersOf(node, id);
        return [id, { node, type: String(fields.get("type")?.value), fields }];
      }),
    ),
    services: new Map(objects("services").map(([id, node]) => [id, { node, fields: membersOf(node, id) }])),
    edges: (members.get("edges")?.type === "array" ? (members.get("edges")?.children ?? []) : [])
      .filter((node) => node.type === "object")
      .map((node) => {
        const fields = membersOf(node, "");
        const end = (name: string): Node | undefined =>
          fields.get(name)?.type === "string" ? fields.get(name) : undefined;
        return { node, from: end("from"), to: end("to") };
      }),
  };
}

/** References between operators, services and edges, and the shape of the graph. Adds FL1010, FL1011, FL1012, FL1015. */
export function checkReferences(root: Node, found: ProblemCollector): void {
  const file = sketch(root);
  const operatorIds = [...file.operators.keys()];
  const serviceIds = [...file.services.keys()];
  const known = new Set(operatorIds);
  const incoming = new Map<string, number>();
  const outgoing = new Map<string, number[]>();
  const targets: string[] = [];

  file.edges.forEach((edge, i) => {
    for (const [side, end] of [
      ["from", edge.from],
      ["to", edge.to],
    ] as const) {
      if (end === undefined || known.has(String(end.value))) continue;
      const path = `edges[${i}].${side}`;
      const isService = file.services.has(String(end.value));
      const hint = isService
        ? "It is a service: services have no edges. An operator of type rpc calls it."
        : found.full
          ? undefined
          : didYouMean(String(end.value), operatorIds);
      found.add("FL1010", end, path, `${path} names ${quote(end.value)}, which is no operator.`, hint);
    }
    const from = String(edge.from?.value);
    const to = String(edge.to?.value);
    targets.push(to);
    if (edge.from === undefined || edge.to === undefined || !known.has(from) || !known.has(to)) return;
    incoming.set(to, (incoming.get(to) ?? 0) + 1);
    const list = outgoing.get(from);
    if (list === undefined) outgoing.set(from, [i]);
    else list.push(i);
    if (file.operators.get(from)?.type === "sink") {
      found.add(
        "FL1015",
        edge.from,
        `edges[${i}].from`,
        `${quote(from)} is a sink and sends nothing.`,
        "Let the edge start at the operator before it.",
      );
    }
    if (file.operators.get(to)?.type === "source") {
      found.add(
        "FL1015",
        edge.to,
        `edges[${i}].to`,
        `${quote(to)} is a source and takes no input.`,
        "Let the edge end at another operator.",
      );
    }
  });

  const users = new Set<string>();
  for (const [id, operator] of file.operators) {
    const path = `operators.${id}`;
    if (file.services.has(id)) {
      found.add(
        "FL1012",
        operator.node.parent?.children?.[0],
        path,
        `${quote(id)} is the id of an operator and of a service.`,
        "Rename one of the two.",
      );
    }
    if (operator.type === "rpc")
      checkServiceReference(operator.fields.get("service"), `${path}.service`, serviceIds, users, found);
    if (operator.type !== "source" && OPERATOR_TYPES.has(operator.type) && !incoming.has(id)) {
      found.add(
        "FL1015",
        operator.node.parent?.children?.[0],
        path,
        `${quote(id)} has no input.`,
        "Add an edge that leads to it, or remove it.",
      );
    }
    if (operator.type !== "sink" && OPERATOR_TYPES.has(operator.type) && !outgoing.has(id)) {
      found.add(
        "FL1015",
        operator.node.parent?.children?.[0],
        path,
        `Nothing takes what ${quote(id)} puts out.`,
        "Add an edge to a sink.",
        "warning",
      );
    }
  }
  for (const [id, service] of file.services) {
    const calls = service.fields.get("calls");
    if (calls?.value === "any") for (const other of serviceIds) users.add(other);
    if (calls?.type !== "array") continue;
    calls.children?.forEach((call, i) =>
      checkServiceReference(call, `services.${id}.calls[${i}]`, serviceIds, users, found),
    );
  }
  for (const [id, service] of file.services) {
    if (!users.has(id)) {
      found.add(
        "FL1010",
        service.node.parent?.children?.[0],
        `services.${id}`,
        `No operator calls the service ${quote(id)}.`,
        `Add an operator { "type": "rpc", "service": "${id}" }, or remove the service.`,
        "warning",
      );
    }
  }

  const cycle = findCycle(operatorIds, (id) => (outgoing.get(id) ?? []).map((i) => targets[i] ?? ""));
  if (cycle !== undefined) {
    const [from, to] = [cycle[0], cycle[1] ?? cycle[0]];
    const closing = (outgoing.get(from ?? "") ?? []).find((i) => targets[i] === to);
    const shown = cycle.length > 12 ? [...cycle.slice(0, 6), "…", ...cycle.slice(-5)] : cycle;
    found.add(
      "FL1011",
      closing === undefined ? undefined : file.edges[closing]?.node,
      closing === undefined ? "edges" : `edges[${closing}]`,
      `The edges form a cycle: ${[...shown, shown[0]].join(" → ")}.`,
      "Remove one of these edges: records flow from sources to sinks.",
    );
  }
}

function checkServiceReference(
  node: Node | undefined,
  path: string,
  serviceIds: readonly string[],
  users: Set<string>,
  found: ProblemCollector,
): void {
  if (node?.type !== "string") return;
  const id = String(node.value);
  users.add(id);
  if (serviceIds.includes(id)) return;
  const hint =
    serviceIds.length === 0 ? 'Add it under "services".' : found.full ? undefined : didYouMean(id, serviceIds);
  found.add("FL1010", node, path, `${path} names ${quote(id)}, which is no service.`, hint);
}

/** Times that must not be zero, and durations that are too long to be meant. Walks the text once. Adds FL1024. */
export function checkDurations(root: Node, found: ProblemCollector): void {
  const positive = new Set(["size", "slide", "gap", "interval", "failureRateInterval"]);
  const walk = (node: Node, path: string): void => {
    if (node.type === "object") {
      for (const [name, value] of membersOf(node, path)) {
        if (value.type === "string" && positive.has(name) && parseDuration(String(value.value)) === 0) {
          found.add(
            "FL1024",
            value,
            fieldPath(path, name),
            `${fieldPath(path, name)} must be more than 0.`,
            'Write a duration such as "1s".',
          );
        } else {
          walk(value, fieldPath(path, name));
        }
      }
    } else if (node.type === "array") {
      node.children?.forEach((child, i) => walk(child, fieldPath(path, i)));
    }
  };
  walk(root, "");
}

/** Checks that need the whole job: parallelism along FORWARD edges, keys, services, slots. Adds FL1003, FL1015, FL1023, FL1024. */
export function checkJob(job: JobSpec, root: Node, found: ProblemCollector): void {
  const at = (path: readonly (string | number)[]): Node | undefined => (found.full ? undefined : nodeAt(root, path));
  const operators = new Map(job.operators.map((operator) => [operator.id, operator]));
  job.edges.forEach((edge, i) => {
    const path = `edges[${i}]`;
    const from = operators.get(edge.from);
    const to = operators.get(edge.to);
    if (from === undefined || to === undefined) return;
    if (edge.ship === "FORWARD" && from.parallelism !== to.parallelism) {
      found.add(
        "FL1015",
        at(["edges", i, "ship"]),
        `${path}.ship`,
        `FORWARD cannot change the parallelism: "${from.id}" has ${from.parallelism}, "${to.id}" has ${to.parallelism}.`,
        "Use REBALANCE or RESCALE, or give both the same parallelism.",
      );
    }
    if (edge.ship === "HASH" && edge.key === undefined) {
      found.add(
        "FL1015",
        at(["edges", i]),
        path,
        "A HASH edge needs a key.",
        'Add "key": a field of the record, or "module.ts#function".',
      );
    }
    if (edge.ship !== "HASH" && edge.key !== undefined) {
      found.add(
        "FL1015",
        at(["edges", i, "key"]),
        `${path}.key`,
        `A key belongs to a HASH edge; this one is ${edge.ship}.`,
        'Write "ship": "HASH", or remove the key.',
      );
    }
    if (edge.ship === "CUSTOM" && edge.partitioner === undefined) {
      found.add(
        "FL1015",
        at(["edges", i]),
        path,
        "A CUSTOM edge needs a partitioner.",
        'Add "partitioner": "module.ts#function".',
      );
    }
    if (edge.ship !== "CUSTOM" && edge.partitioner !== undefined) {
      found.add(
        "FL1015",
        at(["edges", i, "partitioner"]),
        `${path}.partitioner`,
        `A partitioner belongs to a CUSTOM edge; this one is ${edge.ship}.`,
        'Write "ship": "CUSTOM", or remove the partitioner.',
      );
    }
    const expired = from.kind === "rpc" && from.rpc.deadlineField !== undefined && edge.sideOutput === EXPIRED_OUTPUT;
    if (edge.sideOutput !== undefined && from.kind !== "process" && !expired) {
      found.add(
        "FL1015",
        at(["edges", i, "sideOutput"]),
        `${path}.sideOutput`,
        from.kind === "rpc"
          ? `An rpc operator has one side output, "${EXPIRED_OUTPUT}", and only with a deadline.`
          : `Only a process function has side outputs; "${from.id}" is of type ${from.kind}.`,
        "Remove sideOutput, or make it a process function.",
      );
    }
  });
  for (const operator of job.operators) {
    if (operator.kind !== "rpc" || operator.rpc.deadlineField === undefined) continue;
    if (job.edges.some((edge) => edge.from === operator.id && edge.sideOutput === EXPIRED_OUTPUT)) continue;
    found.add(
      "FL1015",
      at(["operators", operator.id, "deadline"]),
      `operators.${operator.id}.deadline`,
      `Records of "${operator.id}" whose deadline passes are dropped: nothing takes its side output "${EXPIRED_OUTPUT}".`,
      `Add an edge from "${operator.id}" with "sideOutput": "${EXPIRED_OUTPUT}", or leave it so.`,
      "warning",
    );
  }
  for (const operator of job.operators) {
    if (operator.maxParallelism !== undefined && operator.maxParallelism < operator.parallelism) {
      found.add(
        "FL1013",
        at(["operators", operator.id, "maxParallelism"]),
        `operators.${operator.id}.maxParallelism`,
        `The maximum parallelism of "${operator.id}" is ${operator.maxParallelism}, below its parallelism ${operator.parallelism}.`,
        `Write at least ${operator.parallelism}.`,
      );
    }
  }
  checkServices(job, at, found);
  if (job.runtime.checkpointing?.unaligned === true && job.runtime.checkpointing.maxConcurrent > 1) {
    found.add(
      "FL1003",
      at(["runtime", "checkpointing"]),
      "runtime.checkpointing",
      "Unaligned checkpoints cannot be taken several at once, in Flink as here.",
      'Leave out "maxConcurrent", or set "unaligned" to false.',
    );
  }
  if (job.runtime.heartbeatTimeoutMs <= job.runtime.heartbeatIntervalMs) {
    found.add(
      "FL1024",
      at(["runtime", "heartbeat"]),
      "runtime.heartbeat",
      "The heartbeat timeout must be longer than the interval.",
      "Flink's defaults: interval 10s, timeout 50s.",
    );
  }
  checkSlots(job, at(["runtime"]), found);
}

/**
 * Slots that tasks need at once. Streaming: the highest parallelism of every slot sharing group, added up
 * (`SlotSharingGroup` and `SlotProfile` of Flink). Batch runs region by region: the largest region has to fit.
 * Service instances are processes of their own and take no slot of a TaskManager.
 */
function checkSlots(job: JobSpec, node: Node | undefined, found: ProblemCollector): void {
  const have = job.runtime.taskManagers * job.runtime.slots;
  if (job.runtime.mode === "batch") {
    const largest = slotsOfLargestRegion(job);
    if (largest <= have) return;
    found.add(
      "FL1023",
      node,
      "runtime",
      `One pipelined region of this batch job needs ${largest} slots and there are ${have}: ${job.runtime.taskManagers} TaskManagers with ${job.runtime.slots} each.`,
      `Set runtime.slots to ${Math.ceil(largest / job.runtime.taskManagers)}, add TaskManagers, lower the parallelism, or make an edge BLOCKING.`,
    );
    return;
  }
  const groups = new Map<string, number>();
  for (const operator of job.operators) {
    groups.set(operator.slotSharingGroup, Math.max(groups.get(operator.slotSharingGroup) ?? 0, operator.parallelism));
  }
  const needed = [...groups.values()].reduce((sum, slots) => sum + slots, 0);
  if (needed <= have) return;
  const parts = [...groups].slice(0, 8).map(([group, slots]) => `${slots} for group "${group}"`);
  found.add(
    "FL1023",
    node,
    "runtime",
    `The job needs ${needed} slots (${parts.join(", ")}${groups.size > 8 ? ", …" : ""}) and has ${have}: ${job.runtime.taskManagers} TaskManagers with ${job.runtime.slots} each.`,
    `Set runtime.slots to ${Math.ceil(needed / job.runtime.taskManagers)}, add TaskManagers, or lower the parallelism.`,
  );
}

/** Slots of the region that takes most: one for each slot sharing group and subtask index. */
function slotsOfLargestRegion(job: JobSpec): number {
  const { vertices, edges } = buildJobGraph(job);
  const stream = vertices.filter(({ kind }) => kind === "stream");
  const graph = buildExecutionGraph({ vertices: stream, edges });
  const regions = computeRegions(graph);
  let largest = 0;
  for (let region = 0; region < regions.count; region++) {
    const slots = new Set<string>();
    for (const subtask of regionMembers(regions, region)) {
      const vertex = vertexOfSubtask(graph, subtask);
      slots.add(`${stream[vertex].slotSharingGroup}/${subtask - graph.offsets[vertex]}`);
    }
    largest = Math.max(largest, slots.size);
  }
  return largest;
}

/** Node of a value by its path, or the nearest one that is there. */
export function nodeAt(root: Node, path: readonly (string | number)[]): Node | undefined {
  let node: Node = root;
  for (const segment of path) {
    const next =
      typeof segment === "number"
        ? node.children?.[segment]
        : node.type === "object"
          ? membersOf(node, "").get(segment)
          : undefined;
    if (next === undefined) return node;
    node = next;
  }
  return node;
}
