/** From the fields of a job file to {@link JobSpec}: units, paths, and the defaults that depend on other fields. */
import { chainingObstacles } from "./chaining";
import { parseDuration } from "./durations";
import { fileName, resolveFrom } from "./filePath";
import { DEFAULT_EXPONENTIAL_DELAY, readRestartStrategy } from "./readRestartStrategy";
import { readFunctionRef, readService } from "./readService";
import type {
  CheckpointingConfig,
  EdgeSpec,
  EventTimeConfig,
  FunctionRef,
  JobSpec,
  KeySelector,
  OperatorKind,
  OperatorSpec,
  RpcSpec,
  RuntimeConfig,
  ShipStrategy,
  SinkConnector,
  SourceConnector,
  SourceSpec,
  WindowSpec,
} from "./jobFile";
import type { RawEdge, RawJobFile, RawOperator, RawRpc, RawRuntime, RawSink, RawSource, RawWindow } from "./rawJobFile";

const FUNCTION_KEY = /\.(?:[cm]?[jt]s)#[A-Za-z_$][A-Za-z0-9_$]*$/;

/** Name of a job whose file does not say one. */
export function jobNameOf(file: string): string {
  return fileName(file).replace(/(\.faultline)?\.json$/i, "") || "job";
}

export function readJobSpec(raw: RawJobFile, file: string): JobSpec {
  const runtime = readRuntime(raw.runtime ?? DEFAULT_RUNTIME);
  const operators = Object.entries(raw.operators).map(([id, operator]) => readOperator(id, operator, runtime, file));
  return {
    name: raw.name ?? jobNameOf(file),
    file,
    runtime,
    services: Object.entries(raw.services ?? {}).map(([id, service], _, all) =>
      readService(
        id,
        service,
        file,
        all.map(([other]) => other),
      ),
    ),
    operators,
    edges: readEdges(raw.edges, operators, runtime, file),
  };
}

const DEFAULT_RUNTIME: RawRuntime = {
  mode: "streaming",
  parallelism: 1,
  taskManagers: 1,
  slots: 1,
  failoverStrategy: "region",
  scheduler: "default",
  bufferTimeout: "100ms",
  chaining: true,
};

function ms(duration: string): number {
  return parseDuration(duration) ?? 0;
}

function readRuntime(raw: RawRuntime): RuntimeConfig {
  // As in Flink, a batch job has no checkpoints: what is kept between its regions takes their place.
  const checkpointing: CheckpointingConfig | undefined =
    raw.mode === "batch" || raw.checkpointing === undefined
      ? undefined
      : {
          intervalMs: ms(raw.checkpointing.interval),
          mode: raw.checkpointing.mode,
          timeoutMs: ms(raw.checkpointing.timeout),
          minPauseMs: ms(raw.checkpointing.minPause),
          maxConcurrent: raw.checkpointing.maxConcurrent,
          tolerableFailed: raw.checkpointing.tolerableFailed,
          unaligned: raw.checkpointing.unaligned,
          retained: raw.checkpointing.retained,
        };
  const restartStrategy =
    raw.restartStrategy !== undefined
      ? readRestartStrategy(raw.restartStrategy)
      : checkpointing === undefined
        ? ({ type: "none" } as const)
        : DEFAULT_EXPONENTIAL_DELAY;
  return {
    mode: raw.mode,
    parallelism: raw.parallelism,
    taskManagers: raw.taskManagers,
    slots: raw.slots,
    checkpointing,
    restartStrategy,
    failoverStrategy: raw.failoverStrategy,
    scheduler: raw.scheduler,
    bufferTimeoutMs: ms(raw.bufferTimeout),
    heartbeatIntervalMs: ms(raw.heartbeat?.interval ?? "10s"),
    heartbeatTimeoutMs: ms(raw.heartbeat?.timeout ?? "50s"),
    chaining: raw.chaining,
  };
}

function optionalFunction(written: string | undefined, file: string): FunctionRef | undefined {
  return written === undefined ? undefined : readFunctionRef(written, file);
}

function readOperator(id: string, raw: RawOperator, runtime: RuntimeConfig, file: string): OperatorSpec {
  return {
    id,
    name: raw.name ?? id,
    parallelism: raw.parallelism ?? runtime.parallelism,
    maxParallelism: raw.maxParallelism,
    slotSharingGroup: raw.slotSharingGroup,
    coLocationGroup: raw.coLocationGroup,
    chaining: raw.chaining,
    ...readKind(raw, file),
  };
}

function readKind(raw: RawOperator, file: string): OperatorKind {
  switch (raw.type) {
    case "source":
      return { kind: "source", source: readSource(raw, file) };
    case "map":
    case "flatMap":
    case "filter":
    case "process":
      return { kind: raw.type, function: readFunctionRef(raw.function, file) };
    case "async":
      return {
        kind: "async",
        function: readFunctionRef(raw.function, file),
        capacity: raw.capacity,
        timeoutMs: ms(raw.timeout),
        ordered: raw.ordered,
      };
    case "rpc":
      return { kind: "rpc", rpc: readRpc(raw, file) };
    case "window":
      return {
        kind: "window",
        window: readWindow(raw.window),
        aggregate: raw.aggregate === "count" ? "count" : readFunctionRef(raw.aggregate, file),
      };
    case "union":
      return { kind: "union" };
    case "standIn":
      return { kind: "standIn", selectivity: raw.selectivity, serviceTimeMs: ms(raw.serviceTime) };
    case "sink":
      return { kind: "sink", sink: { connector: readSinkConnector(raw), identity: raw.identity } };
  }
}

function readSource(raw: RawSource, file: string): SourceSpec {
  const { bursts } = raw;
  return {
    connector: readSourceConnector(raw, file),
    ratePerSecond: raw.rate,
    ...(bursts === undefined
      ? {}
      : {
          bursts: { ratePerSecond: bursts.rate, lengthMs: ms(bursts.length), gapMs: ms(bursts.gap), seed: bursts.seed },
        }),
    limit: raw.limit,
    eventTime: readEventTime(raw.eventTime),
  };
}

function readSourceConnector(raw: RawSource, file: string): SourceConnector {
  switch (raw.connector) {
    case "file":
      return { kind: "file", path: resolveFrom(file, raw.path), format: raw.format, repeat: raw.repeat };
    case "generator":
      return { kind: "generator", function: optionalFunction(raw.function, file), seed: raw.seed };
    case "directory":
      return { kind: "directory", path: resolveFrom(file, raw.path), suffix: raw.suffix, repeat: raw.repeat };
  }
}

function readEventTime(raw: RawSource["eventTime"]): EventTimeConfig | undefined {
  if (raw === undefined) return undefined;
  const idleness = raw.idleness === undefined ? {} : { idlenessMs: ms(raw.idleness) };
  return "field" in raw
    ? { kind: "field", field: raw.field, outOfOrdernessMs: ms(raw.outOfOrderness), ...idleness }
    : { kind: "step", stepMs: ms(raw.step), startMs: raw.start, ...idleness };
}

function readWindow(raw: RawWindow): WindowSpec {
  switch (raw.type) {
    case "tumbling":
      return { kind: "tumbling", sizeMs: ms(raw.size), time: raw.time };
    case "sliding":
      return { kind: "sliding", sizeMs: ms(raw.size), slideMs: ms(raw.slide), time: raw.time };
    case "session":
      return { kind: "session", gapMs: ms(raw.gap), time: raw.time };
    case "count":
      return { kind: "count", size: raw.size };
  }
}

function readSinkConnector(raw: RawSink): SinkConnector {
  switch (raw.connector) {
    case "file":
      return { kind: "file", path: raw.path };
    case "stdout":
      return { kind: "stdout" };
    case "blackhole":
      return { kind: "blackhole", delayMs: ms(raw.delay) };
  }
}

function readRpc(raw: RawRpc, file: string): RpcSpec {
  return {
    service: raw.service,
    model: raw.model,
    request: optionalFunction(raw.request, file),
    response: optionalFunction(raw.response, file),
    inputs: raw.inputs ?? {},
    outputs: raw.outputs ?? {},
    capacity: raw.capacity,
    timeoutMs: ms(raw.timeout),
    ordered: raw.ordered,
    ...(raw.deadline === undefined ? {} : { deadlineField: raw.deadline }),
  };
}

function readKey(written: string, file: string): KeySelector {
  return FUNCTION_KEY.test(written)
    ? { kind: "function", function: readFunctionRef(written, file) }
    : { kind: "field", field: written };
}

/** FORWARD between equal parallelism, else REBALANCE (`StreamGraph.addEdgeInternal`); a key means HASH, a partitioner CUSTOM. */
export function defaultShip(raw: RawEdge, equalParallelism: boolean): ShipStrategy {
  if (raw.ship !== undefined) return raw.ship;
  if (raw.key !== undefined) return "HASH";
  if (raw.partitioner !== undefined) return "CUSTOM";
  return equalParallelism ? "FORWARD" : "REBALANCE";
}

function readEdges(
  raws: readonly RawEdge[],
  operators: readonly OperatorSpec[],
  runtime: RuntimeConfig,
  file: string,
): EdgeSpec[] {
  const byId = new Map(operators.map((operator) => [operator.id, operator]));
  const inputs = new Map<string, number>();
  for (const raw of raws) inputs.set(raw.to, (inputs.get(raw.to) ?? 0) + 1);
  return raws.map((raw): EdgeSpec => {
    const upstream = byId.get(raw.from);
    const downstream = byId.get(raw.to);
    const ship = defaultShip(raw, upstream?.parallelism === downstream?.parallelism);
    // In batch Flink decides about chaining first, and makes BLOCKING what is left (GlobalStreamExchangeMode.ALL_EDGES_BLOCKING).
    const chained =
      upstream !== undefined &&
      downstream !== undefined &&
      chainingObstacles({
        upstream,
        downstream,
        ship,
        partitionType: raw.partitionType,
        inputs: inputs.get(raw.to) ?? 0,
        enabled: runtime.chaining,
      }).length === 0;
    return {
      from: raw.from,
      to: raw.to,
      ship,
      key: raw.key === undefined ? undefined : readKey(raw.key, file),
      partitioner: optionalFunction(raw.partitioner, file),
      partitionType: raw.partitionType ?? (runtime.mode === "batch" && !chained ? "BLOCKING" : "PIPELINED_BOUNDED"),
      sideOutput: raw.sideOutput,
    };
  });
}
