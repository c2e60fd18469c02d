/** JSON Schema of a service of the job file. */
import {
  choice,
  dictionary,
  duration,
  flag,
  functionRef,
  ID,
  memorySize,
  numeric,
  object,
  text,
  whole,
} from "./jsonSchema";
import { PARALLELISM } from "./operatorSchema";
import { RESTART_STRATEGY } from "./restartStrategySchema";
import { DEFAULT_OUTLIER_EJECTION as EJECTION, DEFAULT_RETRY_BUDGET as BUDGET } from "./servicePolicies";

export const MAX_SERVICES = 1000;
export const MAX_INSTANCES = 1000;

const RETRY = object(
  "What a client does with a request that failed.",
  {
    maxAttempts: whole("Attempts for one request, the first included.", 1, { default: 10, maximum: 1_000_000 }),
    initialBackoff: duration("Delay before the second attempt; doubled with each further one.", "10ms"),
    maxBackoff: duration("Longest delay.", "1s"),
    budget: object(
      "Bounds retries of what an instance refused or failed on. Calls of an instance that died are always issued again.",
      {
        ratio: numeric("Retries for each call: 0.2 is one for five.", {
          default: BUDGET.ratio,
          minimum: 0,
          maximum: 1000,
        }),
        minPerSecond: numeric("Retries a second that are granted anyway.", {
          default: BUDGET.minPerSecond,
          minimum: 0,
          maximum: 1e9,
        }),
        ttl: duration("How long a call that was made is worth something.", `${BUDGET.ttlMs / 1000}s`),
      },
      [],
      { defaultDescription: "none: retries are not bounded" },
    ),
  },
  [],
  { defaultDescription: "`maxAttempts` 10, `initialBackoff` `10ms`, `maxBackoff` `1s`, no budget" },
);

const HEDGING = object(
  "A second copy of a call that takes long goes to another instance; the first answer counts. What is computed twice is device time.",
  {
    after: duration("Time without an answer after which the copy is sent.", undefined),
    maxShare: numeric("Copies for each call, at most: 0.05 is one for twenty.", {
      default: 0.05,
      exclusiveMinimum: 0,
      maximum: 1,
    }),
  },
  ["after"],
  { defaultDescription: "never" },
);

const OUTLIER_EJECTION = object(
  "When an instance that answers badly is left out for a while; with two or three instances as well.",
  {
    enabled: flag("Whether instances are left out at all.", true),
    consecutiveFailures: whole("Failures in a row after which an instance is left out.", 1, {
      default: EJECTION.consecutiveFailures,
    }),
    latencyFactor: numeric("An instance whose mean latency is so many times the median of the others is left out …", {
      default: EJECTION.latencyFactor,
      minimum: 1,
      maximum: 1e6,
    }),
    minLatencyExcess: duration("… when it is also longer by this.", `${EJECTION.minLatencyExcessMs}ms`),
    minAnswers: whole("Answers of an instance before its latency counts.", 1, { default: EJECTION.minAnswers }),
    stallFactor: numeric("Nothing answered for so many times the mean latency of all is a stall …", {
      default: EJECTION.stallFactor,
      minimum: 1,
      maximum: 1e6,
    }),
    minStall: duration("… and at least for this long.", `${EJECTION.minStallMs / 1000}s`),
    baseEjection: duration(
      "How long it is left out the first time; doubled each time.",
      `${EJECTION.baseEjectionMs / 1000}s`,
    ),
    maxEjection: duration("The longest that it is left out.", `${EJECTION.maxEjectionMs / 1000}s`),
    maxEjectedShare: numeric(
      "Share of the instances that may be left out at once; at least one always may be, and at least one stays in.",
      { default: EJECTION.maxEjectedShare, minimum: 0, maximum: 1 },
    ),
  },
  [],
  { defaultDescription: "on, with these defaults" },
);

const AUTOSCALER = object(
  "Changes the number of instances by how long requests wait. `parallelism` is where it starts. For `rpc-service`.",
  {
    min: whole("Fewest instances.", 1, {
      default: 1,
      maximum: MAX_INSTANCES,
      flinkName: "job.autoscaler.vertex.min-parallelism",
    }),
    max: whole("Most instances.", 1, { maximum: MAX_INSTANCES, flinkName: "job.autoscaler.vertex.max-parallelism" }),
    targetQueueTime: duration("Longest time that requests should wait in the queue; more adds instances.", "100ms"),
    coolDown: duration("Time from one change to the next, and of calm before an instance goes.", "10s", {
      flinkName: "job.autoscaler.stabilization.interval",
    }),
    scaleInBelow: numeric("One instance goes when the others would still be busy less than this share of their time.", {
      default: 0.6,
      exclusiveMinimum: 0,
      maximum: 1,
    }),
  },
  ["max"],
  { defaultDescription: "none: the number of instances stays", flinkName: "job.autoscaler.enabled" },
);

export const SERVICE = object("A model that is served to `rpc` operators.", {
  model: text(
    "ONNX file, from the job file's folder. Required, unless there are `models`, a `function`, or the deployment is `external`.",
  ),
  models: dictionary(
    "Several models in one service, by name: each instance loads them all. An `rpc` operator says which it calls.",
    text("ONNX file, from the job file's folder."),
    { propertyNames: ID, maxProperties: 100, defaultDescription: "`model` alone, under the service's id" },
  ),
  function: functionRef(
    "Code that each instance runs instead of a model: module and export of an `RpcService`. It may call other services (`calls`).",
    { defaultDescription: "none", flinkName: "RpcOperator (FLIP-582)" },
  ),
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
  retry: RETRY,
  hedging: HEDGING,
  outlierEjection: OUTLIER_EJECTION,
  transport: choice(
    "How calls travel.",
    {
      streams: "Streams with many calls in a message; large tensors in chunks.",
      "pekko-rpc":
        "As Flink's RPC today: one call in a message; a message over 10 MiB (`pekko.framesize`) vanishes, and a call ends after 10 s (`pekko.ask.timeout`) at the latest.",
    },
    { default: "streams" },
  ),
  resultCache: memorySize(
    "Memory of each instance for results by the content of the request, so that a request that comes again costs no device time. For models that always compute the same from the same.",
    { defaultDescription: "none", examples: ["64mb"] },
  ),
  memoryLimit: memorySize(
    "Memory that an instance's process may write to, Node and ONNX Runtime included (about 100 MB without a model). One that needs more fails, alone. Linux only.",
    { defaultDescription: "none", examples: ["2gb"], flinkName: "taskmanager.memory.process.size" },
  ),
  autoscaler: AUTOSCALER,
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
  shared: flag(
    "Jobs that run together (`faultline run A B`) have this service in common: it is started once, all of them call it, and it outlives those that end before the others.",
    false,
    { flinkName: "startSharedRpcOperatorService (FLIP-582)" },
  ),
  calls: {
    description:
      "Services that its `function` calls; `any` where only the code knows when it runs. Services that call each other in a circle are refused: here where it can be seen, by the instance otherwise.",
    oneOf: [
      { type: "array", items: text("Id of a service."), maxItems: MAX_SERVICES },
      { type: "string", const: "any" },
    ],
    default: [],
  },
});
