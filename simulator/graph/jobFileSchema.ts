/**
 * JSON Schema of the job file `NAME.faultline.json`, contributed to the editor and used by {@link parseJobFile}.
 * Names and defaults are Flink's wherever Flink has one (`flinkName` holds its configuration key).
 */
import {
  choice,
  dictionary,
  duration,
  flag,
  object,
  text,
  whole,
  functionRef,
  ID,
  type JsonSchema,
} from "./jsonSchema";
import { MAX_PARALLELISM, OPERATOR, PARALLELISM } from "./operatorSchema";
import { RESTART_STRATEGY } from "./restartStrategySchema";
import { MAX_SERVICES, SERVICE } from "./serviceSchema";

/** Largest job file that is read, in bytes of UTF-8 (and in UTF-16 units of text). */
export const MAX_JOB_FILE_BYTES = 1024 * 1024;
export const MAX_OPERATORS = 10_000;
export const MAX_EDGES = 100_000;

const CHECKPOINTING = object(
  "Checkpoints: state and positions saved together, to restart from.",
  {
    interval: duration("Time from one checkpoint to the next.", undefined, {
      flinkName: "execution.checkpointing.interval",
    }),
    mode: choice(
      "What a restart may do to the results.",
      {
        EXACTLY_ONCE: "Every record counts once: barriers are aligned, and sinks write when a checkpoint completes.",
        AT_LEAST_ONCE: "No record is lost, some may count twice: barriers are not aligned.",
      },
      { default: "EXACTLY_ONCE", flinkName: "execution.checkpointing.mode" },
    ),
    timeout: duration("A checkpoint that takes longer is given up.", "10m", {
      flinkName: "execution.checkpointing.timeout",
    }),
    minPause: duration("Shortest time from the end of one checkpoint to the start of the next.", "0s", {
      flinkName: "execution.checkpointing.min-pause",
    }),
    maxConcurrent: whole("Checkpoints under way at once.", 1, {
      default: 1,
      maximum: 1000,
      flinkName: "execution.checkpointing.max-concurrent-checkpoints",
    }),
    tolerableFailed: whole("Failed checkpoints in a row that do not fail the job.", 0, {
      default: 0,
      flinkName: "execution.checkpointing.tolerable-failed-checkpoints",
    }),
    unaligned: flag("Whether barriers overtake records in flight, which then become part of the checkpoint.", false, {
      flinkName: "execution.checkpointing.unaligned.enabled",
    }),
    retained: whole(
      "Completed checkpoints that are kept. Flink keeps 1; with 2, a damaged newest one has a predecessor.",
      1,
      {
        default: 2,
        maximum: 1000,
        flinkName: "state.checkpoints.num-retained",
      },
    ),
  },
  ["interval"],
  { defaultDescription: "off", flinkName: "execution.checkpointing" },
);

const RUNTIME = object(
  "Where and how the job runs.",
  {
    mode: choice(
      "Streaming or batch.",
      {
        streaming: "All tasks run at once; exchanges are PIPELINED_BOUNDED.",
        batch: "Regions run one after the other; exchanges are BLOCKING.",
      },
      { default: "streaming", flinkName: "execution.runtime-mode" },
    ),
    parallelism: {
      ...PARALLELISM,
      description: "Parallelism of operators that do not name one.",
      default: 1,
      flinkName: "parallelism.default",
    },
    taskManagers: whole("TaskManager processes.", 1, { default: 1, maximum: 1000 }),
    slots: whole("Slots of each TaskManager.", 1, {
      default: 1,
      maximum: MAX_PARALLELISM,
      flinkName: "taskmanager.numberOfTaskSlots",
    }),
    checkpointing: CHECKPOINTING,
    restartStrategy: {
      ...RESTART_STRATEGY,
      defaultDescription: "`exponential-delay` with checkpointing, `none` without",
      flinkName: "restart-strategy.type",
    },
    failoverStrategy: choice(
      "What restarts with a task that failed.",
      { region: "The pipelined regions that the failure concerns.", full: "Everything." },
      { default: "region", flinkName: "jobmanager.execution.failover-strategy" },
    ),
    scheduler: choice(
      "Who decides about tasks and slots.",
      {
        default: "Regions are scheduled and restarted one by one.",
        adaptive: "Any failure builds the whole job anew, services included.",
      },
      { default: "default", flinkName: "jobmanager.scheduler" },
    ),
    bufferTimeout: duration("A buffer that is not full is sent after this time.", "100ms", {
      flinkName: "execution.buffer-timeout.interval",
    }),
    chaining: flag("Whether operators may share a task.", true, { flinkName: "pipeline.operator-chaining.enabled" }),
    heartbeat: object(
      "How a dead or cut off process is noticed.",
      {
        interval: duration("Time between two heartbeats.", "10s", { flinkName: "heartbeat.interval" }),
        timeout: duration("Time without a heartbeat after which a process counts as lost.", "50s", {
          flinkName: "heartbeat.timeout",
        }),
      },
      [],
      { defaultDescription: "interval `10s`, timeout `50s`" },
    ),
  },
  [],
  { defaultDescription: "every field at its default" },
);

const EDGE = object(
  "Records go from one operator to another.",
  {
    from: text("Id of the operator that sends."),
    to: text("Id of the operator that receives."),
    ship: choice(
      "How records are spread over the subtasks of the receiver.",
      {
        FORWARD: "To the subtask with the same index; equal parallelism only. POINTWISE.",
        RESCALE: "In turn over a group of near subtasks. POINTWISE.",
        REBALANCE: "In turn over all subtasks. ALL_TO_ALL.",
        SHUFFLE: "At random over all subtasks. ALL_TO_ALL.",
        HASH: "By the record's key. ALL_TO_ALL.",
        BROADCAST: "To all subtasks. ALL_TO_ALL.",
        GLOBAL: "To the first subtask. ALL_TO_ALL.",
        CUSTOM: "By a partitioner function. ALL_TO_ALL.",
      },
      {
        defaultDescription:
          "`HASH` with a key, `CUSTOM` with a partitioner, else `FORWARD` between equal parallelism and `REBALANCE` otherwise",
        flinkName: "StreamPartitioner",
      },
    ),
    key: text("Key of a HASH edge: a field of the record, or `module.ts#function`."),
    partitioner: functionRef("Partitioner of a CUSTOM edge."),
    partitionType: choice(
      "How results are handed over. Only PIPELINED and PIPELINED_BOUNDED join two tasks in one region.",
      {
        PIPELINED_BOUNDED: "Consumed while it is produced, with a bounded number of buffers.",
        PIPELINED: "Consumed while it is produced.",
        PIPELINED_APPROXIMATE:
          "Consumed while it is produced; the consumer may fail alone and loses what was in flight.",
        BLOCKING: "Consumed after it is complete; may be consumed again.",
        BLOCKING_PERSISTENT: "As BLOCKING, and kept after the job.",
        HYBRID_FULL: "Consumed while it is produced or after; may be consumed again.",
        HYBRID_SELECTIVE: "Consumed while it is produced or after; once.",
      },
      {
        defaultDescription:
          "streaming: `PIPELINED_BOUNDED`; batch: `BLOCKING`, but `PIPELINED_BOUNDED` where the two operators are chained",
        flinkName: "ResultPartitionType",
      },
    ),
    sideOutput: text("Name of the side output that this edge carries.", { defaultDescription: "the main output" }),
  },
  ["from", "to"],
);

export const JOB_FILE_SCHEMA: JsonSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Faultline job",
  ...object(
    "A stream-processing job with model inference.",
    {
      $schema: { type: "string", description: "Ignored: lets editors find the schema of this file." },
      name: text("Name of the job.", { defaultDescription: "the name of the file" }),
      runtime: RUNTIME,
      services: dictionary("Inference services by id.", SERVICE, {
        propertyNames: ID,
        maxProperties: MAX_SERVICES,
        defaultDescription: "none",
      }),
      operators: dictionary("Operators by id.", OPERATOR, {
        propertyNames: ID,
        minProperties: 1,
        maxProperties: MAX_OPERATORS,
      }),
      edges: {
        type: "array",
        description: "Edges between the operators. Two operators may be joined by several.",
        items: EDGE,
        maxItems: MAX_EDGES,
        default: [],
      },
    },
    ["operators"],
  ),
};
