/** Graphs that the tests of the graph view draw. */
import type {
  EdgeDescription,
  GraphDescription,
  RegionDescription,
  VertexDescription,
} from "../../../simulator/graph/graphDescription";
import type { PartitionType, ShipStrategy } from "../../../simulator/graph/jobFile";

export function subtasksOf(vertex: { readonly id: string; readonly parallelism: number }): string[] {
  return Array.from({ length: Math.max(0, vertex.parallelism) }, (_, index) => `${vertex.id}#${index}`);
}

export function stream(
  id: string,
  name: string,
  parallelism: number,
  operators: readonly (readonly [string, string])[],
): VertexDescription {
  return {
    id,
    name,
    kind: "stream",
    parallelism,
    operators: operators.map(([operator, kind]) => ({ id: operator, name: operator, kind })),
    slotSharingGroup: "default",
  };
}

export function service(id: string, parallelism: number, model: string, device = "cpu"): VertexDescription {
  return {
    id,
    name: id,
    kind: "service",
    parallelism,
    operators: [],
    slotSharingGroup: id,
    service: { model, deployment: "rpc-service", device },
  };
}

export function edge(
  source: string,
  target: string,
  shipStrategy: string,
  partitionType: PartitionType = "PIPELINED_BOUNDED",
): EdgeDescription {
  const pointwise = shipStrategy === "FORWARD" || shipStrategy === "RESCALE";
  return { source, target, partitionType, pattern: pointwise ? "POINTWISE" : "ALL_TO_ALL", shipStrategy };
}

function region(id: string, vertices: readonly VertexDescription[]): RegionDescription {
  return { id, vertices: vertices.map((vertex) => vertex.id), subtasks: vertices.flatMap(subtasksOf) };
}

/** The job of examples/language-detection: one pipelined region, and two instances of a service. */
export function languageDetection(): GraphDescription {
  const texts = stream("texts", "texts → features", 2, [
    ["texts", "source"],
    ["features", "map"],
  ]);
  const classify = stream("classify", "classify", 2, [["classify", "rpc"]]);
  const count = stream("count", "count → counts", 2, [
    ["count", "window"],
    ["counts", "sink"],
  ]);
  const messages = stream("messages", "messages", 2, [["messages", "sink"]]);
  const langid = service("langid", 2, "langid.onnx", "auto");
  return {
    name: "language-detection",
    vertices: [texts, classify, count, messages, langid],
    edges: [
      edge("texts", "classify", "REBALANCE"),
      edge("classify", "count", "HASH"),
      edge("classify", "messages", "FORWARD"),
    ],
    regions: [
      region("region-0", [texts, classify, count, messages]),
      { id: "region-1", vertices: ["langid"], subtasks: ["langid#0"] },
      { id: "region-2", vertices: ["langid"], subtasks: ["langid#1"] },
    ],
    calls: [{ source: "classify", target: "langid" }],
    origin: { form: "job-file", notes: [] },
  };
}

/** A batch job: blocking exchanges cut it into four regions, hybrid and approximate exchanges included. */
export function batchJob(): GraphDescription {
  const vertices = [
    stream("orders", "Source: orders → parse", 4, [
      ["orders", "source"],
      ["parse", "map"],
    ]),
    stream("customers", "Source: customers", 2, [["customers", "source"]]),
    stream("join", "join", 4, [["join", "process"]]),
    stream("enrich", "enrich", 4, [["enrich", "map"]]),
    stream("sort", "sort → rank", 4, [
      ["sort", "process"],
      ["rank", "map"],
    ]),
    stream("stats", "stats", 1, [["stats", "process"]]),
    stream("out", "Sink: ranked orders", 4, [["out", "sink"]]),
    stream("report", "Sink: report", 1, [["report", "sink"]]),
  ];
  const by = (...ids: string[]): VertexDescription[] => vertices.filter((vertex) => ids.includes(vertex.id));
  return {
    name: "ranked orders (batch)",
    vertices,
    edges: [
      edge("orders", "join", "HASH", "BLOCKING"),
      edge("customers", "join", "HASH", "BLOCKING"),
      edge("join", "enrich", "FORWARD", "PIPELINED_BOUNDED"),
      edge("enrich", "sort", "HASH", "HYBRID_FULL"),
      edge("enrich", "stats", "REBALANCE", "HYBRID_SELECTIVE"),
      edge("sort", "out", "FORWARD", "PIPELINED_BOUNDED"),
      edge("stats", "report", "FORWARD", "PIPELINED_APPROXIMATE"),
    ],
    regions: [
      ...by("orders").flatMap((vertex) =>
        subtasksOf(vertex).map((task, i) => ({ id: `region-${i}`, vertices: ["orders"], subtasks: [task] })),
      ),
      ...by("customers").flatMap((vertex) =>
        subtasksOf(vertex).map((task, i) => ({ id: `region-${4 + i}`, vertices: ["customers"], subtasks: [task] })),
      ),
      ...[0, 1, 2, 3].map((i) => ({
        id: `region-${6 + i}`,
        vertices: ["join", "enrich"],
        subtasks: [`join#${i}`, `enrich#${i}`],
      })),
      ...[0, 1, 2, 3].map((i) => ({
        id: `region-${10 + i}`,
        vertices: ["sort", "out"],
        subtasks: [`sort#${i}`, `out#${i}`],
      })),
      { id: "region-14", vertices: ["stats"], subtasks: ["stats#0"] },
      { id: "region-15", vertices: ["report"], subtasks: ["report#0"] },
    ],
    calls: [],
    origin: { form: "rest-plan", notes: ["Partition types were read from the plan."] },
  };
}

/** Several services, nested calls, and a data plane with side branches. */
export function severalServices(): GraphDescription {
  const vertices = [
    stream("chat", "chat messages → clean", 3, [
      ["chat", "source"],
      ["clean", "map"],
    ]),
    stream("moderate", "moderate", 3, [["moderate", "rpc"]]),
    stream("answer", "answer", 2, [["answer", "rpc"]]),
    stream("blocked", "blocked messages", 1, [["blocked", "sink"]]),
    stream("usage", "usage per tenant → usage", 2, [
      ["perTenant", "window"],
      ["usage", "sink"],
    ]),
    stream("replies", "replies", 2, [["replies", "sink"]]),
    service("toxicity", 3, "toxicity.onnx", "cuda:0"),
    service("router", 1, "router.onnx", "cpu"),
    service("small", 4, "small-lm.onnx", "cuda"),
    service("large", 2, "large-lm.onnx", "cuda:1"),
  ];
  const streams = vertices.filter((vertex) => vertex.kind === "stream");
  const services = vertices.filter((vertex) => vertex.kind === "service");
  let next = 1;
  return {
    name: "chat assistant",
    vertices,
    edges: [
      edge("chat", "moderate", "FORWARD"),
      edge("moderate", "answer", "REBALANCE"),
      edge("moderate", "blocked", "GLOBAL"),
      edge("answer", "usage", "HASH[tenant, model]"),
      edge("answer", "replies", "FORWARD"),
    ],
    regions: [
      region("region-0", streams),
      ...services.flatMap((vertex) =>
        subtasksOf(vertex).map((task) => ({ id: `region-${next++}`, vertices: [vertex.id], subtasks: [task] })),
      ),
    ],
    calls: [
      { source: "moderate", target: "toxicity" },
      { source: "answer", target: "router" },
      { source: "router", target: "small" },
      { source: "router", target: "large" },
    ],
    origin: { form: "job-file", notes: [] },
  };
}

/** A layered graph of `count` vertices with 1.4 edges each; every `regionLayers` layers a blocking exchange. The same for the same arguments. */
export function layeredGraph(count: number, parallelism = 2, regionLayers = 6, seed = 1): GraphDescription {
  const random = mulberry(seed);
  const layers = Math.max(3, Math.round(Math.sqrt(count)));
  const layerOf = (i: number): number => Math.floor((i * layers) / count);
  const byLayer: number[][] = Array.from({ length: layers }, () => []);
  for (let i = 0; i < count; i++) byLayer[layerOf(i)].push(i);
  const pairs = new Set<string>();
  const pick = (list: readonly number[]): number => list[Math.floor(random() * list.length)];
  for (let i = 0; i < count; i++) if (layerOf(i) > 0) pairs.add(`${pick(byLayer[layerOf(i) - 1])} ${i}`);
  while (pairs.size < count * 1.4) {
    const from = Math.floor(random() * count);
    const layer = layerOf(from) + 1 + Math.floor(random() * random() * 4);
    if (layer < layers) pairs.add(`${from} ${pick(byLayer[layer])}`);
  }
  const vertices = Array.from({ length: count }, (_, i) =>
    stream(`v${i}`, layerOf(i) === 0 ? `Source: input ${i}` : `step ${i}`, parallelism, [
      [`v${i}-a`, layerOf(i) === 0 ? "source" : "map"],
      [`v${i}-b`, "filter"],
    ]),
  );
  const block = (i: number): number => Math.floor(layerOf(i) / regionLayers);
  const edges = [...pairs].map((pair) => {
    const [from, to] = pair.split(" ").map(Number);
    return edge(
      `v${from}`,
      `v${to}`,
      random() < 0.5 ? "HASH" : "REBALANCE",
      block(from) === block(to) ? "PIPELINED_BOUNDED" : "BLOCKING",
    );
  });
  return {
    name: `${count} vertices`,
    vertices,
    edges,
    regions: connectedRegions(vertices, edges),
    calls: [],
    origin: { form: "rest-plan", notes: [] },
  };
}

/** Vertices joined by pipelined all-to-all edges, one region for each set. */
function connectedRegions(
  vertices: readonly VertexDescription[],
  edges: readonly EdgeDescription[],
): RegionDescription[] {
  const parent = new Map(vertices.map((vertex) => [vertex.id, vertex.id]));
  const find = (id: string): string => {
    let root = id;
    while (parent.get(root) !== root) root = parent.get(root) as string;
    parent.set(id, root);
    return root;
  };
  for (const { source, target, partitionType } of edges) {
    if (partitionType === "PIPELINED_BOUNDED") parent.set(find(source), find(target));
  }
  const members = new Map<string, VertexDescription[]>();
  for (const vertex of vertices) members.set(find(vertex.id), [...(members.get(find(vertex.id)) ?? []), vertex]);
  return [...members.values()].map((list, i) => region(`region-${i}`, list));
}

/** Names that break what trusts them. */
export function hostileNames(): GraphDescription {
  const names = [
    `<img src=x onerror="window.__injected=1">`,
    "n".repeat(10_000),
    "\u202Eright-to-left override\u202C مصدر النصوص",
    "👩‍👩‍👧‍👦 emoji family → 🇪🇺 flags",
    `"></text><script>window.__injected=1</script>`,
    "line\nbreak\tand\u0000null",
  ];
  const vertices = names.map((name, i) =>
    stream(`h${i}`, name, 2, [
      [`op${i}`, "map"],
      [name.slice(0, 60), "map"],
    ]),
  );
  const edges = names
    .slice(1)
    .map((_, i) => edge(`h${i}`, `h${i + 1}`, i === 0 ? `HASH[<b>${"k".repeat(300)}</b>]` : "HASH"));
  return {
    name: `<script>window.__injected=1</script>`,
    vertices: [...vertices, service("svc<svg onload=window.__injected=1>", 2, "../<i>model</i>.onnx")],
    edges,
    regions: [
      region("region-<b>0</b>", vertices),
      {
        id: "region-1",
        vertices: ["svc<svg onload=window.__injected=1>"],
        subtasks: ["svc<svg onload=window.__injected=1>#0"],
      },
      {
        id: "region-2",
        vertices: ["svc<svg onload=window.__injected=1>"],
        subtasks: ["svc<svg onload=window.__injected=1>#1"],
      },
    ],
    calls: [{ source: "h2", target: "svc<svg onload=window.__injected=1>" }],
    origin: { form: "job-file", notes: [] },
  };
}

/** `stages` vertices one after the other, each of `parallelism` subtasks. */
export function wideChain(stages: number, parallelism: number, ship: ShipStrategy = "HASH"): GraphDescription {
  const vertices = Array.from({ length: stages }, (_, i) =>
    stream(`s${i}`, i === 0 ? "Source: events" : i === stages - 1 ? "Sink: results" : `stage ${i}`, parallelism, [
      [`s${i}`, i === 0 ? "source" : "map"],
    ]),
  );
  const edges = vertices.slice(1).map((vertex, i) => edge(`s${i}`, vertex.id, ship));
  const regions =
    ship === "FORWARD"
      ? Array.from({ length: parallelism }, (_, k) => ({
          id: `region-${k}`,
          vertices: vertices.map((v) => v.id),
          subtasks: vertices.map((v) => `${v.id}#${k}`),
        }))
      : [region("region-0", vertices)];
  return {
    name: `${parallelism} × ${stages}`,
    vertices,
    edges,
    regions,
    calls: [],
    origin: { form: "rest-plan", notes: [] },
  };
}

export function mulberry(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
