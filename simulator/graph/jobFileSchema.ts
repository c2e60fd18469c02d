/**
 * JSON Schema of the job file `NAME.faultline.json`, contributed to the editor and used by {@link parseJobFile}.
 * Names and defaults are Flink's wherever Flink has one (`flinkName` holds its configuration key).
 */
import {
  choice,
  dictionary,
  duration,
  flag,
  numeric,
  object,
  text,
  whole,
  wholeOrInfinite,
  functionRef,
  type JsonSchema,
} from "./jsonSchema";
import { MAX_PARALLELISM, OPERATOR, PARALLELISM } from "./operatorSchema";

/** Largest job file that is read, in bytes of UTF-8 (and in UTF-16 units of text). */
export const MAX_JOB_FILE_BYTES = 1024 * 1024;
export const MAX_OPERATORS = 10_000;
export const MAX_EDGES = 100_000;
const MAX_SERVICES = 1000;

/** Ids are used in targets such as `task:ID#0` and as keys; so they are plain words. */
export const ID: JsonSchema = {
  type: "string",
  pattern: "^(?!(__proto__|constructor|prototype)$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$",
  patternErrorMessage:
    'An id is at most 100 letters, digits, _, . and -, and does not start with . or -; the name shown to people goes into "name".',
};

const RESTART_STRATEGY: JsonSchema = {
  description: "What to do after a failure.",
  flinkName: "restart-strategy",
  oneOf: [
    object("Never restart.", { type: { type: "string", const: "none" } }, ["type"], { title: "none" }),
    object(
      "Restart a number of times, always after the same delay.",
      {
        type: { type: "string", const: "fixed-delay" },
        attempts: wholeOrInfinite("Restarts before the job fails.", 0, {
          default: 1,
          flinkName: "restart-strategy.fixed-delay.attempts",
        }),
        delay: duration("Delay before each restart.", "1s", { flinkName: "restart-strategy.fixed-delay.delay" }),
      },
      ["type"],
      { title: "fixed-delay" },
    ),
    object(
      "Restart after a delay that grows with every failure and is reset after a quiet time.",
      {
        type: { type: "string", const: "exponential-delay" },
        initialBackoff: duration("First delay.", "1s", {
          flinkName: "restart-strategy.exponential-delay.initial-backoff",
        }),
        maxBackoff: duration("Longest delay.", "1m", { flinkName: "restart-strategy.exponential-delay.max-backoff" }),
        backoffMultiplier: numeric("Factor from one delay to the next.", {
          default: 1.5,
          minimum: 1,
          maximum: 1000,
          flinkName: "restart-strategy.exponential-delay.backoff-multiplier",
        }),
        jitterFactor: numeric("Random part of the delay, as a share of it, up or down.", {
          default: 0.1,
          minimum: 0,
          maximum: 1,
          flinkName: "restart-strategy.exponential-delay.jitter-factor",
        }),
        resetBackoffThreshold: duration("Time without a failure after which delay and attempts start anew.", "1h", {
          flinkName: "restart-strategy.exponential-delay.reset-backoff-threshold",
        }),
        attemptsBeforeResetBackoff: wholeOrInfinite("Restarts before the job fails, unless they are reset before.", 0, {
          default: "infinite",
          flinkName: "restart-strategy.exponential-delay.attempts-before-reset-backoff",
        }),
      },
      ["type"],
      { title: "exponential-delay" },
    ),
    object(
      "Restart unless failures come too often.",
      {
        type: { type: "string", const: "failure-rate" },
        maxFailuresPerInterval: whole("Failures in one interval before the job fails.", 1, {
          default: 1,
          flinkName: "restart-strategy.failure-rate.max-failures-per-interval",
        }),
        failureRateInterval: duration("Length of the interval.", "1m", {
          flinkName: "restart-strategy.failure-rate.failure-rate-interval",
        }),
        delay: duration("Delay before each restart.", "1s", { flinkName: "restart-strategy.failure-rate.delay" }),
      },
      ["type"],
      { title: "failure-rate" },
    ),
  ],
};

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

const SERVICE = object("A model that is served to `rpc` operators.", {
  model: text("ONNX file, from the job file's folder. Required unless the deployment is `external`."),
  parallelism: { ...PARALLELISM, description: "Instances of the service.", default: 1 },
  deployment: choice(
    "Where the model runs, and so what its failure restarts.",
    {
      embedded: "Inside the operator's subtask. A failure restarts that task's region, after loading again.",
      sidecar: "One process for each TaskManager. A failure restarts the sidecar; calls wait.",
      "rpc-service":
        "Instances of an RpcOperator service, each a region of its own. A failure restarts that instance alone.",
      external: "Outside the job, at given addresses. A failure restarts nothing of the job.",
    },
    { default: "rpc-service" },
  ),
  device: text("`auto`, `cpu`, `webgpu`, `cuda`, `cuda:1`, `directml`, `coreml`, …", {
    default: "auto",
    pattern: "^[A-Za-z][A-Za-z0-9_-]*(:[0-9]+)?$",
    patternErrorMessage: 'Write a device such as "auto", "cpu", "webgpu" or "cuda:1".',
    examples: ["auto", "cpu", "webgpu", "cuda", "cuda:1", "directml", "coreml"],
  }),
  batching: object(
    "Several requests in one run of the model.",
    {
      maxSize: whole("Requests in one batch, at most.", 1, { default: 1, maximum: 100_000 }),
      maxDelay: duration("How long the first request of a batch waits for others.", "0s"),
    },
    [],
    { defaultDescription: "no batching: `maxSize` 1" },
  ),
  queue: object(
    "Requests that wait in an instance.",
    {
      maxLength: whole("Requests that may wait; one more is answered RESOURCE_EXHAUSTED.", 1, {
        default: 1024,
        maximum: 10_000_000,
      }),
      maxWait: duration("A request that waits longer is answered RESOURCE_EXHAUSTED.", "5s"),
    },
    [],
    { defaultDescription: "`maxLength` 1024, `maxWait` `5s`" },
  ),
  loadDelay: duration(
    "Extra delay added to every model load, to stand for a larger model; always shown as such.",
    "0s",
  ),
  warmupRuns: whole("Runs of the model before an instance joins the balancer.", 0, { default: 1, maximum: 100_000 }),
  balancing: choice(
    "How a client picks an instance.",
    {
      "round-robin": "One after the other.",
      "least-request": "The one with the fewest of this client's requests in flight.",
      "power-of-two-choices": "The better one of two picked at random.",
      "consistent-hash": "By the record's key, so that the same record reaches the same instance.",
    },
    { default: "least-request" },
  ),
  retry: object(
    "What a client does with a request that failed.",
    {
      maxAttempts: whole("Attempts for one request, the first included.", 1, { default: 10, maximum: 1_000_000 }),
      initialBackoff: duration("Delay before the second attempt; doubled with each further one.", "10ms"),
      maxBackoff: duration("Longest delay.", "1s"),
    },
    [],
    { defaultDescription: "`maxAttempts` 10, `initialBackoff` `10ms`, `maxBackoff` `1s`" },
  ),
  restartStrategy: { ...RESTART_STRATEGY, defaultDescription: "`fixed-delay` with infinite attempts and no delay" },
  addresses: {
    type: "array",
    description: "Address of every instance, for `deployment: external`.",
    items: text("`HOST:PORT`.", {
      pattern: "^(\\[[0-9A-Fa-f:.]+\\]|[A-Za-z0-9.-]+):[0-9]{1,5}$",
      patternErrorMessage: 'Write HOST:PORT, such as "127.0.0.1:8001" or "[::1]:8001".',
    }),
    maxItems: 10_000,
    default: [],
  },
  token: text("Bearer token for `external` addresses.", { defaultDescription: "none" }),
  slotSharingGroup: text("Slot sharing group of the instances; never one of an operator.", {
    defaultDescription: "`service-ID`",
  }),
  calls: {
    type: "array",
    description: "Services that this one calls.",
    items: text("Id of a service."),
    maxItems: MAX_SERVICES,
    default: [],
  },
});

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
