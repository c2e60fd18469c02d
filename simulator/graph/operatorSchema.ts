/** JSON Schema of the operators of a job file: one branch for each operator type, told apart by `type` (and `connector`). */
import {
  choice,
  dictionary,
  duration,
  flag,
  functionRef,
  numeric,
  object,
  text,
  whole,
  type JsonSchema,
} from "./jsonSchema";

/** Flink's upper bound for the maximum parallelism (`KeyGroupRangeAssignment.UPPER_BOUND_MAX_PARALLELISM`), and so for any parallelism. */
export const MAX_PARALLELISM = 32_768;

export const PARALLELISM: JsonSchema = whole("Parallel subtasks. Flink's upper bound is 32768.", 1, {
  maximum: MAX_PARALLELISM,
  errorCode: "FL1013",
  flinkName: "parallelism",
});

const COMMON: Readonly<Record<string, JsonSchema>> = {
  name: text("Name shown to people.", { defaultDescription: "the operator's id" }),
  parallelism: { ...PARALLELISM, defaultDescription: "`runtime.parallelism`" },
  maxParallelism: whole(
    "Largest parallelism this operator can be rescaled to. Chained operators must agree on it.",
    1,
    {
      maximum: MAX_PARALLELISM,
      errorCode: "FL1013",
      flinkName: "pipeline.max-parallelism",
      defaultDescription: "not set",
    },
  ),
  slotSharingGroup: text(
    "Subtasks of operators in one group may share a slot; every group needs slots of its own. Operators of two groups are never chained.",
    { default: "default", flinkName: "slotSharingGroup" },
  ),
  coLocationGroup: text(
    "Subtasks with the same index in one group run in the same slot; they must be in one pipelined region.",
    {
      defaultDescription: "none",
      flinkName: "CoLocationGroup",
    },
  ),
  chaining: choice(
    "Whether the operator may run in one task with its neighbours.",
    {
      ALWAYS: "Chain with the operator before and the ones after, where the rules allow.",
      HEAD: "Start a chain: never chained to the operator before.",
      NEVER: "Never chained.",
    },
    { default: "ALWAYS", flinkName: "ChainingStrategy" },
  ),
};

function operator(
  type: string,
  description: string,
  fields: Readonly<Record<string, JsonSchema>> = {},
  required: readonly string[] = [],
): JsonSchema {
  const kind: JsonSchema = { type: "string", const: type, description };
  return object(description, { type: kind, ...fields, ...COMMON }, ["type", ...required], { title: type });
}

const FUNCTION_TYPES = {
  map: "One record in, one record out.",
  flatMap: "One record in, any number out.",
  filter: "Keeps the records for which the function returns true.",
  process: "A keyed function with state and timers (`processElement`, `onTimer`); its input comes over a HASH edge.",
} as const;

const CAPACITY = whole(
  "Calls in flight for one subtask, at most; when it is reached the operator takes no more records: back-pressure.",
  1,
  {
    default: 100,
    maximum: 1_000_000,
    flinkName: "AsyncDataStream capacity",
  },
);
const CALL_TIMEOUT = duration("A call that takes longer fails.", "10s", { flinkName: "AsyncDataStream timeout" });
const ORDERED = flag(
  "Whether results leave in the order of the records (`orderedWait`), or as they come (`unorderedWait`).",
  true,
);

const IDLENESS = duration(
  "A subtask of the source that has given no record for this long holds no watermark back, so that windows go on without it.",
  undefined,
  { flinkName: "WatermarkStrategy.withIdleness", defaultDescription: "never" },
);

const EVENT_TIME: JsonSchema = {
  description: "Event time of the records.",
  defaultDescription: "none: the records carry no event time",
  oneOf: [
    object(
      "Event time read from a field of the record.",
      {
        field: text("Field that holds milliseconds since 1970-01-01 UTC."),
        outOfOrderness: duration(
          "How late a record may come; the watermark stays this far behind the latest time seen.",
          "0s",
          {
            flinkName: "BoundedOutOfOrdernessWatermarks",
          },
        ),
        idleness: IDLENESS,
      },
      ["field"],
    ),
    object(
      "Event time that advances by a fixed step with every record.",
      {
        step: duration("Time between two records.", undefined),
        start: numeric("Time of the first record, in milliseconds since 1970-01-01 UTC.", { default: 0, minimum: 0 }),
        idleness: IDLENESS,
      },
      ["step"],
    ),
  ],
};

const SOURCE_FIELDS: Readonly<Record<string, JsonSchema>> = {
  rate: numeric("Records a second, over all subtasks.", {
    exclusiveMinimum: 0,
    maximum: 1e9,
    errorCode: "FL1024",
    defaultDescription: "as fast as possible; with `bursts`, nothing between them",
  }),
  bursts: object(
    "Times in which records come at another rate.",
    {
      rate: numeric("Records a second in a burst, over all subtasks.", {
        exclusiveMinimum: 0,
        maximum: 1e9,
        errorCode: "FL1024",
      }),
      length: duration("How long a burst takes.", undefined),
      gap: duration("From the end of a burst to the start of the next; with `seed` on average.", undefined),
      seed: whole("Bursts come at random times, the same in every run.", Number.MIN_SAFE_INTEGER, {
        defaultDescription: "bursts come regularly",
      }),
    },
    ["rate", "length", "gap"],
    { defaultDescription: "none" },
  ),
  limit: whole("Records, over all subtasks.", 0, { errorCode: "FL1024", defaultDescription: "all there are" }),
  eventTime: EVENT_TIME,
};

const TIME = choice(
  "Which time closes the windows.",
  { event: "Event time and watermarks.", processing: "The clock of the machine." },
  { default: "event" },
);

const WINDOW: JsonSchema = {
  description: "How the records of a key are cut into windows.",
  oneOf: [
    object(
      "Windows of fixed size, one after the other.",
      {
        type: { type: "string", const: "tumbling" },
        size: duration("Length of a window; more than 0.", undefined),
        time: TIME,
      },
      ["type", "size"],
      { title: "tumbling" },
    ),
    object(
      "Windows of fixed size that overlap.",
      {
        type: { type: "string", const: "sliding" },
        size: duration("Length of a window; more than 0.", undefined),
        slide: duration("Time from the start of one window to the start of the next; more than 0.", undefined),
        time: TIME,
      },
      ["type", "size", "slide"],
      { title: "sliding" },
    ),
    object(
      "Windows that end after a time without records.",
      {
        type: { type: "string", const: "session" },
        gap: duration("Time without records that ends a window; more than 0.", undefined),
        time: TIME,
      },
      ["type", "gap"],
      { title: "session" },
    ),
    object(
      "Windows of a fixed number of records.",
      {
        type: { type: "string", const: "count" },
        size: whole("Records in a window.", 1),
      },
      ["type", "size"],
      { title: "count" },
    ),
  ],
};

const SINK_IDENTITY = text(
  "Field whose value names a record; loss and duplication are then counted record by record.",
  {
    defaultDescription: "records are counted, not compared",
  },
);

const FIELD_NAME = text("Name of a field, or of a tensor.");

/** Branches of one operator, in the order in which the documentation shows them. */
export const OPERATOR: JsonSchema = {
  description: "An operator of the stream graph.",
  oneOf: [
    operator(
      "source",
      "Records from a file.",
      {
        connector: { type: "string", const: "file", description: "Reads a file." },
        path: text("File to read, from the job file's folder."),
        format: choice(
          "How records are cut out of the file.",
          {
            ndjson: "One JSON value a line.",
            csv: "Comma-separated values with a header line.",
            lines: "Every line is one text.",
          },
          { default: "ndjson" },
        ),
        repeat: whole("How often the file is read through.", 1, { default: 1 }),
        ...SOURCE_FIELDS,
      },
      ["connector", "path"],
    ),
    operator(
      "source",
      "Records made by a function.",
      {
        connector: { type: "string", const: "generator", description: "Makes records." },
        function: functionRef("Makes record `i` from `i` and the seed, and from nothing else.", {
          defaultDescription: "records are `{ seq: i }`",
        }),
        seed: whole("Handed to the function.", Number.MIN_SAFE_INTEGER, { default: 0 }),
        ...SOURCE_FIELDS,
      },
      ["connector"],
    ),
    operator(
      "source",
      "The files of a folder, and of the folders in it: each is one record `{ name, bytes }`, in the order of their names.",
      {
        connector: { type: "string", const: "directory", description: "Reads whole files." },
        path: text("Folder to read, from the job file's folder. Files whose name begins with a dot are left out."),
        suffix: text("Only files whose name ends so, such as `.png`.", { defaultDescription: "all" }),
        repeat: whole("How often the folder is read through.", 1, { default: 1 }),
        ...SOURCE_FIELDS,
      },
      ["connector", "path"],
    ),
    ...Object.entries(FUNCTION_TYPES).map(([type, description]) =>
      operator(type, description, { function: functionRef("Module and export of the function.") }, ["function"]),
    ),
    operator(
      "async",
      "One record in, one record out, later: a function that returns a promise.",
      {
        function: functionRef("Module and export of the function."),
        capacity: CAPACITY,
        timeout: CALL_TIMEOUT,
        ordered: ORDERED,
      },
      ["function"],
    ),
    operator(
      "rpc",
      "Calls an inference service for every record. An async operator that is the client of the service.",
      {
        service: text("Id of the service."),
        model: text("Which of the service's models.", { defaultDescription: "the first" }),
        request: functionRef("Makes the tensors to send from a record.", { defaultDescription: "`inputs` is used" }),
        response: functionRef("Makes the record to go on with from the record and the tensors that came back.", {
          defaultDescription: "`outputs` is used",
        }),
        inputs: dictionary("Without `request`: tensor name → field of the record.", FIELD_NAME, {
          maxProperties: 1000,
          defaultDescription: "each input of the model takes the field of its name",
        }),
        outputs: dictionary("Without `response`: field of the result → tensor name.", FIELD_NAME, {
          maxProperties: 1000,
          defaultDescription: "each output of the model becomes the field of its name",
        }),
        capacity: CAPACITY,
        timeout: CALL_TIMEOUT,
        deadline: text(
          "Field of the record that holds milliseconds since 1970-01-01 UTC: from then on nobody wants its result. Such a record is not called for any more, costs no more device time, and goes to the side output `expired`.",
          { maxLength: 1000, defaultDescription: "none: `timeout` alone" },
        ),
        ordered: ORDERED,
      },
      ["service"],
    ),
    operator(
      "window",
      "Groups the records of a key into windows and folds each.",
      {
        window: WINDOW,
        aggregate: text("`count`, or module and export of an aggregate function.", {
          default: "count",
          pattern: "^(count|[^#]+#[A-Za-z_$][A-Za-z0-9_$]*)$",
          patternErrorMessage: 'Write "count", or the module and the name that it exports: "functions/sum.ts#sum".',
        }),
      },
      ["window"],
    ),
    operator("union", "Brings several streams of the same records together."),
    operator(
      "standIn",
      "Stands in for an operator that is known only from a plan: passes records on and takes its time.",
      {
        selectivity: numeric("Records out for each record in, on average.", {
          default: 1,
          minimum: 0,
          maximum: 1000,
          errorCode: "FL1024",
        }),
        serviceTime: duration("Time that each record takes.", "0s"),
      },
    ),
    operator(
      "sink",
      "Writes records to a file when a checkpoint completes, each exactly once.",
      {
        connector: { type: "string", const: "file", description: "Writes a file." },
        path: text("Folder or file to write, from the `output` folder of the run, or absolute."),
        identity: SINK_IDENTITY,
      },
      ["connector", "path"],
    ),
    operator(
      "sink",
      "Prints records.",
      {
        connector: { type: "string", const: "stdout", description: "Prints every record." },
        identity: SINK_IDENTITY,
      },
      ["connector"],
    ),
    operator(
      "sink",
      "Takes records and forgets them.",
      {
        connector: { type: "string", const: "blackhole", description: "Forgets every record." },
        delay: duration("Time that each record takes.", "0s"),
        identity: SINK_IDENTITY,
      },
      ["connector"],
    ),
  ],
};
