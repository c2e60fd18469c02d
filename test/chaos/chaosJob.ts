/** The jobs that chaos is let loose on, and what has to come out of them, counted from the files of their sinks alone. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "jsonc-parser";

export const JOB_NAMES = ["generated", "batch", "generated-unaligned", "example"] as const;
/** `generated-skewed`: one source takes its time for each record, so that its barriers come late; alignment has something to do then. */
export type JobName = (typeof JOB_NAMES)[number] | "generated-skewed" | "soak";

export interface ChaosJob {
  readonly jobFile: string;
  /** Services by their instances. */
  readonly instances: readonly string[];
  /** It has no checkpoints, and ends when it is let. */
  readonly batch: boolean;
  letEnd?(): void;
  /** What is wrong with the committed output in a run's folder: lost, duplicated and miscounted records. Empty when all is right. */
  check(runDirectory: string): readonly string[];
}

export interface ChaosJobSize {
  readonly records: number;
  /** Records a second. */
  readonly rate: number;
}

const KEYS = 7;
const WINDOW_MS = 500;
const EXAMPLE = join(__dirname, "..", "..", "examples", "language-detection");
const TEXTS = join(EXAMPLE, "data/texts.ndjson");

/** Silence is noticed soon, restarts begin at once, and the checkpoint before the newest is kept. */
const RUNTIME = {
  parallelism: 2,
  taskManagers: 2,
  slots: 1,
  checkpointing: { interval: "250ms", timeout: "20s", retained: 2, tolerableFailed: 1000 },
  restartStrategy: { type: "fixed-delay", attempts: 1_000_000, delay: "0ms" },
  heartbeat: { interval: "250ms", timeout: "2500ms" },
};

/** Writes the job's files into a folder. */
export function writeChaosJob(name: JobName, folder: string, size: ChaosJobSize): ChaosJob {
  mkdirSync(folder, { recursive: true });
  if (name === "batch") return batchJob(folder);
  if (name === "soak") return soakJob(folder);
  return name === "example" ? exampleJob(folder, size) : generatedJob(folder, size, name);
}

/** source → map → keyed window count → file; and every record once more by itself. One record a millisecond of event time. */
function generatedJob(folder: string, { records, rate }: ChaosJobSize, name: JobName): ChaosJob {
  const keyOf = (id: number): number => (id * id + 3 * id) % KEYS;
  writeFileSync(
    join(folder, "functions.ts"),
    [
      `const slowMs = ${name === "generated-skewed" ? 0.4 : 0};`,
      "export const make = (id: number): unknown => {",
      "  for (const until = performance.now() + slowMs; id % 2 === 1 && performance.now() < until;);",
      `  return { id, key: (id * id + 3 * id) % ${KEYS} };`,
      "};",
      `export const double = (record: { id: number }): unknown => ({ ...record, double: 2 * record.id });`,
      "",
    ].join("\n"),
  );
  const job = {
    name: "chaos",
    runtime: {
      ...RUNTIME,
      checkpointing: { ...RUNTIME.checkpointing, unaligned: name === "generated-unaligned" },
      bufferTimeout: name === "generated-skewed" ? "1ms" : "20ms",
    },
    operators: {
      numbers: {
        type: "source",
        connector: "generator",
        function: "functions.ts#make",
        limit: records,
        rate,
        eventTime: { step: "1ms" },
      },
      double: { type: "map", function: "functions.ts#double" },
      perKey: { type: "window", window: { type: "tumbling", size: `${WINDOW_MS}ms` }, aggregate: "count" },
      counts: { type: "sink", connector: "file", path: "counts" },
      all: { type: "sink", connector: "file", path: "all", identity: "id" },
    },
    edges: [
      { from: "numbers", to: "double", ship: "REBALANCE" },
      { from: "double", to: "perKey", ship: "HASH", key: "key" },
      { from: "perKey", to: "counts" },
      { from: "double", to: "all", ship: "REBALANCE" },
    ],
  };
  const jobFile = join(folder, "chaos.faultline.json");
  writeFileSync(jobFile, JSON.stringify(job, undefined, 2));
  return {
    jobFile,
    instances: [],
    batch: false,
    check: (runDirectory) => {
      const ids = Array.from({ length: records }, (_, id) => id);
      const windowed = tally(ids.map((id) => [`key ${keyOf(id)}, window ${Math.floor(id / WINDOW_MS)}`, 1]));
      const counted = committed(runDirectory, "counts").map((row): [string, number] => {
        return [`key ${Number(row.key)}, window ${Number(row.start) / WINDOW_MS}`, Number(row.count)];
      });
      return [
        ...differences(
          "all",
          tally(ids.map((id) => [String(id), 1])),
          tally(committed(runDirectory, "all").map((row) => [String(Number(row.id)), 1])),
        ),
        ...differences("counts", windowed, tally(counted)),
      ];
    },
  };
}

/**
 * Regions behind each other, with results kept between them, hybrid ones too: numbers → double → windows → counts, double → all, and numbers →
 * archive beside it. The last record is held back until the job may end, without keeping anything else from its turn.
 */
function batchJob(folder: string): ChaosJob {
  const records = 12_000;
  const gate = join(folder, "may-end");
  writeFileSync(
    join(folder, "functions.ts"),
    [
      `import { existsSync } from "node:fs";`,
      `export const make = (id: number): unknown => ({ id, key: id % ${KEYS} });`,
      "const work = (ms: number): void => { for (const until = performance.now() + ms; performance.now() < until;); };",
      "export const double = (record: { id: number }): unknown => { work(0.05); return { ...record, double: 2 * record.id }; };",
      "export const hold = async (record: { id: number }): Promise<unknown> => {",
      `  while (record.id === ${records - 1} && !existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 20));`,
      "  return record;",
      "};",
      "",
    ].join("\n"),
  );
  const job = {
    name: "chaos-batch",
    runtime: { ...RUNTIME, checkpointing: undefined, mode: "batch", slots: 2, bufferTimeout: "20ms" },
    operators: {
      numbers: {
        type: "source",
        connector: "generator",
        function: "functions.ts#make",
        limit: records,
        rate: 24_000,
        eventTime: { step: "1ms" },
      },
      archive: { type: "sink", connector: "file", path: "archive", identity: "id" },
      double: { type: "map", function: "functions.ts#double" },
      perKey: { type: "window", window: { type: "tumbling", size: `${WINDOW_MS}ms` }, aggregate: "count" },
      counts: { type: "sink", connector: "file", path: "counts" },
      hold: { type: "async", function: "functions.ts#hold", timeout: "1h", capacity: 100 },
      all: { type: "sink", connector: "file", path: "all", identity: "id" },
    },
    edges: [
      { from: "numbers", to: "archive", ship: "FORWARD", partitionType: "BLOCKING" },
      { from: "numbers", to: "double", ship: "REBALANCE" },
      { from: "double", to: "perKey", ship: "HASH", key: "key", partitionType: "HYBRID_FULL" },
      { from: "perKey", to: "counts", ship: "REBALANCE" },
      { from: "double", to: "hold", ship: "REBALANCE" },
      { from: "hold", to: "all", ship: "REBALANCE", partitionType: "PIPELINED_BOUNDED" },
    ],
  };
  const jobFile = join(folder, "chaos.faultline.json");
  writeFileSync(jobFile, JSON.stringify(job, undefined, 2));
  return {
    jobFile,
    instances: [],
    batch: true,
    letEnd: () => writeFileSync(gate, ""),
    check: (runDirectory) => {
      const ids = Array.from({ length: records }, (_, id) => id);
      const once = tally(ids.map((id) => [String(id), 1]));
      const windowed = tally(ids.map((id) => [`key ${id % KEYS}, window ${Math.floor(id / WINDOW_MS)}`, 1]));
      const counted = committed(runDirectory, "counts").map((row): [string, number] => [
        `key ${Number(row.key)}, window ${Number(row.start) / WINDOW_MS}`,
        Number(row.count),
      ]);
      return [
        ...["archive", "all"].flatMap((sink) =>
          differences(sink, once, tally(committed(runDirectory, sink).map((row) => [String(Number(row.id)), 1]))),
        ),
        ...differences("counts", windowed, tally(counted)),
      ];
    },
  };
}

interface ExampleJob {
  runtime: object;
  services: { langid: Record<string, unknown> };
  operators: Record<"texts" | "features" | "classify" | "messages", Record<string, unknown>>;
}

/** With the paths that it has from elsewhere. */
function readExample(): ExampleJob {
  const job = parse(readFileSync(join(EXAMPLE, "language-detection.faultline.json"), "utf8")) as ExampleJob;
  job.services.langid.model = join(EXAMPLE, "model/langid.onnx");
  job.operators.texts.path = TEXTS;
  job.operators.features.function = `${join(EXAMPLE, "functions/messages.ts")}#toFeatures`;
  job.operators.classify.request = `${join(EXAMPLE, "functions/messages.ts")}#request`;
  job.operators.classify.response = `${join(EXAMPLE, "functions/messages.ts")}#response`;
  return job;
}

/** The example as fast as it goes, until it is drained. Its windows are kept, single messages are only counted. */
function soakJob(folder: string): ChaosJob {
  const job = readExample();
  job.runtime = { ...RUNTIME, checkpointing: { ...RUNTIME.checkpointing, interval: "1s" } };
  delete job.operators.texts.rate;
  Object.assign(job.operators.texts, { repeat: 1_000_000 });
  job.operators.messages = { type: "sink", connector: "blackhole" };
  const jobFile = join(folder, "soak.faultline.json");
  writeFileSync(jobFile, JSON.stringify(job, undefined, 2));
  return { jobFile, instances: ["langid#0", "langid#1"], batch: false, check: () => [] };
}

/** The example with its model, read through as often as it takes. Which language the model names is its own affair; that every text is counted once is ours. */
function exampleJob(folder: string, { records, rate }: ChaosJobSize): ChaosJob {
  const job = readExample();
  const ids = lines(TEXTS).map((row) => String(Number(row.id)));
  job.runtime = RUNTIME;
  Object.assign(job.operators.texts, { rate, repeat: Math.ceil(records / ids.length), limit: records });
  const jobFile = join(folder, "chaos.faultline.json");
  writeFileSync(jobFile, JSON.stringify(job, undefined, 2));
  const expected = tally(Array.from({ length: records }, (_, index) => [ids[index % ids.length] ?? "", 1]));
  return {
    jobFile,
    instances: ["langid#0", "langid#1"],
    batch: false,
    check: (runDirectory) => {
      const counted = committed(runDirectory, "counts").reduce((sum, row) => sum + Number(row.count), 0);
      return [
        ...differences(
          "messages",
          expected,
          tally(committed(runDirectory, "messages").map((row) => [String(Number(row.id)), 1])),
        ),
        ...(counted === records ? [] : [`counts: the windows counted ${counted} records instead of ${records}`]),
      ];
    },
  };
}

function tally(entries: readonly (readonly [string, number])[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [name, times] of entries) counts.set(name, (counts.get(name) ?? 0) + times);
  return counts;
}

function differences(
  sink: string,
  expected: ReadonlyMap<string, number>,
  found: ReadonlyMap<string, number>,
): string[] {
  let lost = 0;
  let duplicated = 0;
  const examples: string[] = [];
  for (const name of new Set([...expected.keys(), ...found.keys()])) {
    const difference = (found.get(name) ?? 0) - (expected.get(name) ?? 0);
    if (difference < 0) lost -= difference;
    if (difference > 0) duplicated += difference;
    if (difference !== 0 && examples.length < 5)
      examples.push(`${name}: ${found.get(name) ?? 0} instead of ${expected.get(name) ?? 0}`);
  }
  return lost + duplicated === 0 ? [] : [`${sink}: ${lost} lost, ${duplicated} duplicated (${examples.join("; ")})`];
}

/** Every committed record of a sink. */
function committed(runDirectory: string, sink: string): Record<string, unknown>[] {
  const folder = join(runDirectory, "output", sink);
  return readdirSync(folder)
    .filter((name) => name.startsWith("part-"))
    .flatMap((name) => lines(join(folder, name)));
}

function lines(file: string): Record<string, unknown>[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
