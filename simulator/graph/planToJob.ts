/**
 * From a plan to a job file that runs: every operator becomes a stand-in (rate, selectivity, service time) between the same exchanges, so
 * that regions and failover scopes are those of the plan. Comments say where to fill in what a plan does not know.
 */
import { chainingObstacles } from "./chaining";
import { canBePipelined, isShipStrategy } from "./partitionType";
import type { ShipStrategy } from "./jobFile";
import { MAX_OPERATORS } from "./jobFileSchema";
import { FaultlineError } from "./errors";
import { shorten, slugOf, withoutControls } from "./plainText";
import type { PlanEdge, PlanGraph, PlanOperator, PlanVertex } from "./planGraph";

interface Placed {
  readonly operator: PlanOperator;
  readonly vertex: PlanVertex;
  readonly id: string;
  readonly isHead: boolean;
}

interface Link {
  readonly from: Placed;
  readonly to: Placed;
  /** `undefined` inside a chain. */
  readonly edge: PlanEdge | undefined;
}

/**
 * The text of a job file. `isolate` is the id of an operator that becomes the client of an `rpc-service` (see `isolateOperator`).
 * Throws FL1004 when the plan has more operators than a job file may have.
 */
export function planToJobText(plan: PlanGraph, isolate?: string): string {
  const count = plan.vertices.reduce((sum, vertex) => sum + vertex.operators.length, 0);
  if (count > MAX_OPERATORS) {
    throw FaultlineError.of("FL1004", `The plan has ${count} operators; a job file may have ${MAX_OPERATORS}.`);
  }
  const placed = placeOperators(plan);
  const links = linksOf(plan, placed);
  const inputs = new Map<Placed, Link[]>();
  const outputs = new Map<Placed, Link[]>();
  for (const link of links) {
    pushTo(inputs, link.to, link);
    pushTo(outputs, link.from, link);
  }
  const widest = plan.vertices.reduce((most, vertex) => Math.max(most, vertex.parallelism), 1);
  const usual = usualParallelism(plan);
  const isolated = placed.find(({ operator }) => operator.id === isolate);
  const lines = [
    `// Made from the plan of ${comment(plan.name)}: the same operators, exchanges, parallelism and pipelined regions, with stand-ins for the functions.`,
    "// Fill in what a plan does not say: rates, selectivities and service times, or the functions themselves.",
    ...plan.notes.map((note) => `// ${comment(note)}`),
    "{",
    `  "name": ${JSON.stringify(shorten(withoutControls(plan.name), 200))},`,
    ...runtimeLines(plan, usual, widest),
    ...serviceLines(isolated, usual),
    `  "operators": {`,
    ...placed.flatMap((one, i) =>
      operatorLines(
        one,
        usual,
        inputs.get(one) ?? [],
        outputs.get(one) ?? [],
        one === isolated,
        isBatch(plan),
        i < placed.length - 1,
      ),
    ),
    "  },",
    `  "edges": [`,
    ...links.flatMap((link, i) => edgeLines(link, i < links.length - 1)),
    "  ]",
    "}",
  ];
  return `${lines.join("\n")}\n`;
}

function placeOperators(plan: PlanGraph): Placed[] {
  const taken = new Map<string, number>();
  return plan.vertices.flatMap((vertex) =>
    vertex.operators.map((operator, i) => {
      const id = freeSlug(operator.name, taken);
      return { operator, vertex, id, isHead: i === 0 };
    }),
  );
}

function freeSlug(name: string, taken: Map<string, number>): string {
  const wanted = slugOf(name);
  for (let n = (taken.get(wanted) ?? 0) + 1; ; n++) {
    const id = n === 1 ? wanted : `${wanted}-${n}`;
    if (n > 1 && taken.has(id)) continue;
    taken.set(wanted, n);
    if (n > 1) taken.set(id, 1);
    return id;
  }
}

function linksOf(plan: PlanGraph, placed: readonly Placed[]): Link[] {
  const byOperator = new Map(placed.map((one) => [one.operator.id, one]));
  const headOf = new Map<string, Placed>();
  const tailOf = new Map<string, Placed>();
  for (const one of placed) {
    if (one.isHead) headOf.set(one.vertex.id, one);
    tailOf.set(one.vertex.id, one);
  }
  const chained = placed.flatMap((to): Link[] => {
    const from = to.operator.input === undefined ? undefined : byOperator.get(to.operator.input);
    return from === undefined ? [] : [{ from, to, edge: undefined }];
  });
  // A REST plan names vertices only: what leaves a vertex is then taken to leave its last operator.
  const between = plan.edges.map((edge): Link => ({
    from: byOperator.get(edge.sourceOperator ?? "") ?? tailOf.get(edge.source)!,
    to: byOperator.get(edge.targetOperator ?? "") ?? headOf.get(edge.target)!,
    edge,
  }));
  return [...chained, ...between];
}

function pushTo(map: Map<Placed, Link[]>, key: Placed, link: Link): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [link]);
  else list.push(link);
}

function usualParallelism(plan: PlanGraph): number {
  const counts = new Map<number, number>();
  for (const { parallelism } of plan.vertices) counts.set(parallelism, (counts.get(parallelism) ?? 0) + 1);
  return [...counts].toSorted((a, b) => b[1] - a[1] || a[0] - b[0])[0]?.[0] ?? 1;
}

/** Where the plan does not say: a job with an exchange that is consumed after it is complete. */
function isBatch(plan: PlanGraph): boolean {
  return (
    plan.mode === "batch" || (plan.mode === undefined && plan.edges.some((edge) => !canBePipelined(edge.partitionType)))
  );
}

function runtimeLines(plan: PlanGraph, usual: number, widest: number): string[] {
  const taskManagers = widest > 1 ? 2 : 1;
  const batch = isBatch(plan);
  return [
    `  "runtime": {`,
    ...(batch ? [`    "mode": "batch",`] : []),
    `    "parallelism": ${usual},`,
    `    "taskManagers": ${taskManagers},`,
    `    "slots": ${Math.ceil(widest / taskManagers)}${batch ? "" : ","}`,
    ...(batch
      ? []
      : [
          "    // A plan does not say how often the job takes checkpoints.",
          `    "checkpointing": { "interval": "10s" }`,
        ]),
    "  },",
  ];
}

function serviceLines(isolated: Placed | undefined, usual: number): string[] {
  if (isolated === undefined) return [];
  const { parallelism } = isolated.vertex;
  return [
    `  "services": {`,
    `    ${JSON.stringify(serviceId(isolated))}: {`,
    "      // Fill in: the model that does the work of this operator.",
    `      "model": "model/${isolated.id}.onnx",`,
    `      "deployment": "rpc-service",`,
    `      "parallelism": ${parallelism}${parallelism === usual ? "" : " // as the operator had"}`,
    "    }",
    "  },",
  ];
}

function serviceId(isolated: Placed): string {
  return `${isolated.id}-service`;
}

function operatorLines(
  one: Placed,
  usual: number,
  inputs: readonly Link[],
  outputs: readonly Link[],
  isIsolated: boolean,
  batch: boolean,
  more: boolean,
): string[] {
  const { vertex, operator } = one;
  const fields: string[] = [];
  const comments: string[] = [];
  if (isIsolated) {
    fields.push(`"type": "rpc"`, `"service": ${JSON.stringify(serviceId(one))}`);
    comments.push(
      'Fill in "request" and "response", or "inputs" and "outputs": what goes to the model and what comes back.',
    );
  } else if (inputs.length === 0) {
    fields.push(`"type": "source"`, `"connector": "generator"`, `"rate": 1000`);
    // What follows a BLOCKING exchange starts when the source has ended.
    if (batch) fields.push(`"limit": 10000`);
    comments.push(
      `Fill in the rate (records a second, over all subtasks)${batch ? " and how many records there are" : ""}. They are { seq: 0 }, { seq: 1 }, …`,
    );
  } else if (outputs.length === 0) {
    fields.push(`"type": "sink"`, `"connector": "blackhole"`, `"delay": "0s"`);
    comments.push("Fill in the time that writing one record takes.");
  } else {
    fields.push(`"type": "standIn"`, `"selectivity": 1`, `"serviceTime": "0s"`);
    comments.push("Fill in: records out for each record in, and the time that each takes.");
  }
  const name = shorten(withoutControls(operator.name), 1000);
  if (name !== "") fields.push(`"name": ${JSON.stringify(name)}`);
  if (vertex.declaredParallelism < 0) comments.push("The plan has not decided the parallelism yet.");
  if (vertex.parallelism !== usual) fields.push(`"parallelism": ${vertex.parallelism}`);
  if (wouldBeChained(one, inputs)) {
    fields.push(`"chaining": "HEAD"`);
    comments.push("In the plan it is not chained to the operator before.");
  }
  return [
    ...comments.map((line) => `    // ${line}`),
    `    ${JSON.stringify(one.id)}: { ${fields.join(", ")} }${more ? "," : ""}`,
  ];
}

/** The head of a vertex that the rules would chain, though the plan did not. */
function wouldBeChained(one: Placed, inputs: readonly Link[]): boolean {
  const [link] = inputs;
  if (link?.edge === undefined) return false;
  const common = { maxParallelism: undefined, slotSharingGroup: "default", chaining: "ALWAYS" } as const;
  return (
    chainingObstacles({
      upstream: { ...common, parallelism: link.from.vertex.parallelism },
      downstream: { ...common, parallelism: one.vertex.parallelism },
      ship: shipOf(link.edge, link).ship,
      partitionType: link.edge.partitionType,
      inputs: inputs.length,
      enabled: true,
    }).length === 0
  );
}

/** A ship strategy of the same pattern that stand-ins can run. */
function shipOf(edge: PlanEdge, link: Link): { readonly ship: ShipStrategy; readonly comment: string | undefined } {
  const name = (/^[A-Za-z]+/.exec(edge.ship)?.[0] ?? "").toUpperCase();
  if (name === "FORWARD" && link.from.vertex.parallelism !== link.to.vertex.parallelism) {
    return { ship: "RESCALE", comment: "The plan says FORWARD between different parallelism." };
  }
  if (name === "HASH")
    return {
      ship: "HASH",
      comment: `Fill in the key${edge.ship.includes("[") ? `: the plan says ${comment(edge.ship)}` : ""}.`,
    };
  if (isShipStrategy(name) && name !== "CUSTOM") return { ship: name, comment: undefined };
  return {
    ship: "REBALANCE",
    comment: `The plan says ${comment(edge.ship)}; fill in "ship": "CUSTOM" with a partitioner.`,
  };
}

function edgeLines(link: Link, more: boolean): string[] {
  const fields = [`"from": ${JSON.stringify(link.from.id)}`, `"to": ${JSON.stringify(link.to.id)}`];
  const lines: string[] = [];
  if (link.edge === undefined) fields.push(`"ship": "FORWARD"`);
  else {
    const { ship, comment: remark } = shipOf(link.edge, link);
    if (remark !== undefined) lines.push(`    // ${remark}`);
    fields.push(`"ship": "${ship}"`);
    if (ship === "HASH") fields.push(`"key": "seq"`);
    fields.push(`"partitionType": "${link.edge.partitionType}"`);
  }
  return [...lines, `    { ${fields.join(", ")} }${more ? "," : ""}`];
}

/** Text that may stand in a line comment. */
function comment(text: string): string {
  return shorten(withoutControls(text), 400);
}
