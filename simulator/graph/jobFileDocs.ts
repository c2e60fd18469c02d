/** The reference of the job file as Markdown, written from {@link JOB_FILE_SCHEMA}: every field with its type, unit and default. */
import { DURATION_PATTERN, MAX_DURATION_MS } from "./durations";
import { ERROR_CATALOGUE } from "./errors";
import { JOB_FILE_SCHEMA, MAX_EDGES, MAX_JOB_FILE_BYTES, MAX_OPERATORS } from "./jobFileSchema";
import type { JsonSchema } from "./jsonSchema";
import { MEMORY_SIZE_PATTERN } from "./memorySize";
import { OPERATOR } from "./operatorSchema";

const INTRODUCTION = `# The job file

A job file is called \`NAME.faultline.json\`. It is JSON with comments (\`// …\`, \`/* … */\`) and trailing commas. Names and defaults are
Flink's wherever Flink has one; the column *Flink* says which. Paths are seen from the folder of the job file, with \`/\` or \`\\\`.

**Units.** A duration is text with a unit: \`250ms\`, \`1.5s\`, \`10s\`, \`5m\`, \`1h\`, \`1d\` (at most ${MAX_DURATION_MS / 86_400_000 / 365} years). Rates are records a second.
A size of memory is text with a unit: \`512mb\`, \`1.5gb\`, each unit 1024 of the one before. Parallelism counts subtasks.

**Functions** are named by their module and export: \`functions/messages.ts#toFeatures\`. A module is JavaScript or TypeScript and may import others, packages included. Their types come with the package:
\`import type { MapFunction, ProcessFunction } from "faultline"\`, with \`faultline\` among the folder's \`devDependencies\`; the run itself needs no such import. A function that throws names the record, the operator
and the line in its own source.

**Ids** of operators and services are letters, digits, \`_\`, \`.\` and \`-\`, at most 100 characters; what people see goes into \`name\`.

**Limits.** ${MAX_JOB_FILE_BYTES / 1024 / 1024} MB a file, ${MAX_OPERATORS.toLocaleString("en")} operators, ${MAX_EDGES.toLocaleString("en")} edges.

\`\`\`jsonc
{
  "name": "language-detection",
  "runtime": { "parallelism": 2, "taskManagers": 2, "checkpointing": { "interval": "1s" } },
  "services": { "langid": { "model": "model/langid.onnx", "parallelism": 2 } },
  "operators": {
    "texts": { "type": "source", "connector": "file", "path": "data/texts.ndjson" },
    "classify": {
      "type": "rpc",
      "service": "langid",
      "request": "functions/messages.ts#request",
      "response": "functions/messages.ts#response"
    },
    "perLanguage": { "type": "window", "window": { "type": "tumbling", "size": "1s" } },
    "counts": { "type": "sink", "connector": "file", "path": "counts" }
  },
  "edges": [
    { "from": "texts", "to": "classify" },
    { "from": "classify", "to": "perLanguage", "key": "language" },
    { "from": "perLanguage", "to": "counts" }
  ]
}
\`\`\`

This page is written from the schema that the editor completes and checks with; \`npx tsx scripts/writeDocs.ts\` writes it anew.
`;

const SLOTS = `A streaming job needs, for every slot sharing group, as many slots as its widest operator has subtasks; together at most
\`taskManagers\` × \`slots\`. Service instances are processes of their own and take no slot of a TaskManager.
`;

const CODE = `### Services of code

With \`function\` instead of \`model\`, each instance runs a module of yours (FLIP-582's \`RpcOperator\`): one queue and one thread, apart from the one that answers requests. The export says which tensors it takes and
gives, without the batch axis, so that operators, other services and any client of the Open Inference Protocol call it as they call a model:

\`\`\`ts
import type { RpcService } from "faultline";

export const rank: RpcService = {
  inputs: { text: { type: "BYTES", shape: [1] } },
  outputs: { score: { type: "FP32", shape: [1] } },
  async call({ text }, context) {
    const { embedding } = await context.client("embed").call({ text });
    const { score } = await context.client("score").call({ embedding });
    return { score };
  },
};
\`\`\`

\`\`\`jsonc
"services": {
  "rank": { "function": "functions/rank.ts#rank", "calls": ["embed", "score"], "batching": { "maxSize": 8 } },
  "embed": { "model": "model/embed.onnx", "parallelism": 2 },
  "score": { "model": "model/score.onnx" }
}
\`\`\`

- An instance takes its next requests when it has answered those before: one, or up to \`batching.maxSize\` at once; what these call then shares messages and batches. \`open\` and \`close\` of the export run once an instance.
- \`context.client(ID)\` is the client that operators have too: balanced, retried, told of every change of the endpoints. Its calls end with the request at the latest (\`context.remainingMs\`), and \`context.callChain\` says who waits.
- What the code throws fails the call with \`FL2004\`, the service and the place in its source; it is not tried again. An instance whose code ends the thread is started again.
- Services that call each other in a circle would wait for each other for ever, since each instance does one thing at a time. A circle of named \`calls\` is refused in the file. With \`"calls": "any"\`, or over \`external\` services, it shows only when the
  code runs: a call for which its own service waits already is refused at once with \`FL1011\` and the way round (\`left#0 calls right#0 calls left\`); the code may catch it.
- All four deployments run code: \`rpc-service\` and \`sidecar\` as a process, \`embedded\` as a thread of the TaskManager; \`external\` calls what runs elsewhere. Code cannot call a \`sidecar\` unless it is one or is embedded; what it calls as
  \`embedded\` is a copy of the model in its own process.
`;

const DEADLINES = `#### Deadlines

Every call has a deadline: \`timeout\` after it was made, or what the record's own \`deadline\` field says, if that is earlier. It goes with the request to the instance's queue and into the forming of batches, and through code to the services that it calls. What is late
in a queue is dropped before it costs device time, and counted as \`expired\` of the instance and of its caller; what runs already goes on. A message of several requests goes by the earliest of their deadlines, and only requests with about the same
deadline share one. A call that reaches \`timeout\` fails its task, as in Flink. A record whose \`deadline\` passes fails nothing: it leaves by the side output \`expired\`, unchanged:

\`\`\`jsonc
{ "from": "classify", "to": "late", "sideOutput": "expired" }
\`\`\`

How many records leave by which way is not known beforehand, so losses are not counted at the sinks behind such an operator.
`;

/** `docs/job-file.md`. */
export function jobFileDocs(): string {
  const top = JOB_FILE_SCHEMA.properties ?? {};
  const runtime = top.runtime;
  const service = inner(top.services);
  const parts = [
    INTRODUCTION,
    "## The file\n",
    fieldTable(JOB_FILE_SCHEMA),
    "## `runtime`\n",
    fieldTable(runtime),
    SLOTS,
    "### `runtime.checkpointing`\n",
    fieldTable(runtime.properties?.checkpointing),
    "### `runtime.heartbeat`\n",
    fieldTable(runtime.properties?.heartbeat),
    "## Restart strategies\n",
    "`restartStrategy` of the runtime and of a service; `type` says which.\n",
    ...branches(runtime.properties?.restartStrategy),
    "## `services`\n",
    "Each service has an id and these fields.\n",
    fieldTable(service),
    "`deployment` says how the model is run, and so what its failure restarts.\n",
    choices(service.properties?.deployment),
    CODE,
    "`balancing` says how a client picks an instance.\n",
    choices(service.properties?.balancing),
    "`transport` says how calls travel.\n",
    choices(service.properties?.transport),
    ...["batching", "queue", "retry", "hedging", "outlierEjection", "autoscaler"].flatMap((name) => [
      `### \`services.*.${name}\`\n`,
      fieldTable(service.properties?.[name]),
    ]),
    "### `services.*.retry.budget`\n",
    fieldTable(service.properties?.retry?.properties?.budget),
    "## `operators`\n",
    "Each operator has an id, a `type`, these fields, and those of its type.\n",
    fieldTable({ properties: commonFields() }),
    ...(OPERATOR.oneOf ?? []).flatMap((branch) => [
      `### ${operatorTitle(branch)}\n`,
      `${branch.properties?.type?.description}\n`,
      fieldTable({ ...branch, properties: ownFields(branch) }),
      ...(branch.properties?.type?.const === "rpc" ? [DEADLINES] : []),
    ]),
    "## Windows\n",
    "`window` of a window operator; `type` says which.\n",
    ...branches(windowSchema()),
    "## Event time\n",
    "`eventTime` of a source, in one of two ways.\n",
    ...(sourceSchema()?.properties?.eventTime?.oneOf ?? []).flatMap((branch) => [`${branch.description}\n`, fieldTable(branch)]),
    "## Bursts\n",
    "`bursts` of a source.\n",
    fieldTable(sourceSchema()?.properties?.bursts),
    "## `edges`\n",
    fieldTable(inner(top.edges)),
    "`ship` says how records are spread over the subtasks of the receiver.\n",
    choices(inner(top.edges).properties?.ship),
    "`partitionType` says how results are handed over.\n",
    choices(inner(top.edges).properties?.partitionType),
    "## Findings\n",
    "The editor and the command line report the same findings, each with its place.\n",
    table(
      ["Code", "Meaning"],
      Object.entries(ERROR_CATALOGUE)
        .filter(([code]) => code >= "FL1002" && code < "FL1030")
        .map(([code, meaning]) => [`\`${code}\``, meaning]),
    ),
  ];
  return `${parts
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trimEnd()}\n`;
}

function inner(schema: JsonSchema | undefined): JsonSchema {
  if (schema?.items !== undefined) return schema.items;
  return typeof schema?.additionalProperties === "object" ? schema.additionalProperties : {};
}

function branches(schema: JsonSchema | undefined): string[] {
  return (schema?.oneOf ?? []).flatMap((branch) => {
    const { type: _type, ...fields } = branch.properties ?? {};
    return [
      `### \`${branch.title}\`\n`,
      `${branch.description}\n`,
      ...(Object.keys(fields).length > 0 ? [fieldTable({ ...branch, properties: fields })] : []),
    ];
  });
}

/** Fields that every operator has. */
function commonFields(): Record<string, JsonSchema> {
  const [first, ...others] = OPERATOR.oneOf ?? [];
  return Object.fromEntries(
    Object.entries(first?.properties ?? {}).filter(
      ([name, field]) => name !== "type" && others.every((branch) => branch.properties?.[name] === field),
    ),
  );
}

function ownFields(branch: JsonSchema): Record<string, JsonSchema> {
  const common = commonFields();
  return Object.fromEntries(
    Object.entries(branch.properties ?? {}).filter(([name]) => name !== "type" && !Object.hasOwn(common, name)),
  );
}

function operatorTitle(branch: JsonSchema): string {
  const connector = branch.properties?.connector?.const;
  return `\`${branch.properties?.type?.const}\`${connector === undefined ? "" : `, connector \`${connector}\``}`;
}

function windowSchema(): JsonSchema | undefined {
  return OPERATOR.oneOf?.find((branch) => branch.title === "window")?.properties?.window;
}

function sourceSchema(): JsonSchema | undefined {
  return OPERATOR.oneOf?.find((branch) => branch.title === "source");
}

function fieldTable(schema: JsonSchema | undefined): string {
  const fields = Object.entries(schema?.properties ?? {});
  if (fields.length === 0) return "No fields of its own.\n";
  const withFlink = fields.some(([, field]) => field.flinkName !== undefined);
  const rows = fields.map(([name, field]) => [
    `\`${name}\``,
    typeText(field),
    defaultText(field, schema?.required?.includes(name) === true),
    ...(withFlink ? [field.flinkName === undefined ? "" : `\`${field.flinkName}\``] : []),
    field.description ?? "",
  ]);
  return table(["Field", "Type", "Default", ...(withFlink ? ["Flink"] : []), "Meaning"], rows);
}

function choices(schema: JsonSchema | undefined): string {
  return table(
    ["Value", "Meaning"],
    (schema?.enum ?? []).map((value, i) => [`\`${value}\``, schema?.enumDescriptions?.[i] ?? ""]),
  );
}

function typeText(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`"${schema.const}"\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(", ");
  if (schema.oneOf !== undefined)
    return schema.oneOf.every((branch) => branch.type === "object")
      ? "object"
      : schema.oneOf.map(typeText).join(" or ");
  if (schema.pattern === DURATION_PATTERN) return "duration";
  if (schema.pattern === MEMORY_SIZE_PATTERN) return "size";
  if (schema.pattern?.includes("#[A-Za-z_$]") === true) return "function";
  switch (schema.type) {
    case "array":
      return "list";
    case "boolean":
      return "true or false";
    case "integer":
      return `whole number${rangeText(schema)}`;
    case "number":
      return `number${rangeText(schema)}`;
    case "object":
      return "object";
    default:
      return "text";
  }
}

function rangeText({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const low =
    exclusiveMinimum !== undefined
      ? `over ${exclusiveMinimum}`
      : minimum === undefined || minimum < -1e15
        ? undefined
        : `from ${minimum}`;
  const high = maximum === undefined || maximum > 1e15 ? undefined : `to ${maximum}`;
  const both = [low, high].filter((part) => part !== undefined).join(" ");
  return both === "" ? "" : `, ${both}`;
}

function defaultText(schema: JsonSchema, required: boolean): string {
  if (required) return "required";
  if (schema.defaultDescription !== undefined) return schema.defaultDescription;
  if (schema.default === undefined) return "none";
  return `\`${JSON.stringify(schema.default)}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replace(/\|/g, "\\|").replace(/\n/g, " ")).join(" | ")} |`;
  return `${[line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n")}\n`;
}
