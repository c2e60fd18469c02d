/** JSON Schema of `NAME.experiment.json`; one schema for the editor and for {@link parseExperiment}. */
import type { JsonSchema } from "../graph/jsonSchema";
import { choice, dictionary, duration, flag, numeric, object, text, whole } from "../graph/jsonSchema";
import { FAULT_CATALOGUE } from "./catalogue";
import { PROBES, WINDOWS } from "./experiment";
import { formatParameter, rangeText } from "./faultParameter";

export const MAX_EXPERIMENT_BYTES = 1024 * 1024;

const SETTING = { description: "A value.", oneOf: [{ type: "number" as const }, { type: "string" as const, maxLength: 1000 }] };

/** Parameters of all faults by name, each saying of which faults it is: which fault it goes with is checked by the parser. */
function settings(): Readonly<Record<string, JsonSchema>> {
  const names = new Set(FAULT_CATALOGUE.flatMap(({ parameters }) => parameters.map(({ name }) => name)));
  return Object.fromEntries(
    [...names].map((name) => {
      const uses = FAULT_CATALOGUE.flatMap((fault) => fault.parameters.filter((parameter) => parameter.name === name).map((parameter) => ({ fault, parameter })));
      const texts = [...new Set(uses.map(({ parameter }) => `${parameter.description} ${rangeText(parameter)}`.trim()))];
      const examples = [...new Set(uses.map(({ parameter }) => formatParameter(parameter.unit, parameter.default)))];
      return [name, { ...SETTING, description: `${texts.join(" / ")} (${uses.map(({ fault }) => fault.name).join(", ")})`, examples }];
    }),
  );
}

const FAULT = object(
  "A fault, where, and when.",
  {
    fault: choice("What is broken.", Object.fromEntries(FAULT_CATALOGUE.map((fault) => [fault.name, fault.description])), { errorCode: "FL1030" }),
    target: text('Where: "service:langid#1", "taskmanager:0", "coordinator", "task:VERTEX#0", "link:taskmanager:0->service:langid#1"; "*" for any.'),
    set: dictionary("Parameters of the fault.", SETTING, { properties: settings() }),
    command: text("On a Flink cluster that is there: a command of your own that does it, kubectl delete pod for example. It is shown and has to be confirmed before anything runs."),
    heal: text("A command of your own that heals it, after the fault's duration or at the end."),
    after: duration("This long after the job is running.", undefined),
    atRecord: whole("Once the sources have emitted this many records.", 1),
    atCheckpoint: whole("Once this checkpoint is complete.", 1),
    on: object(
      "When this happens in the journal.",
      {
        event: text('Kind of the event, such as "instance.phase".'),
        where: dictionary("Fields of the event and their values.", {
          description: "A value.",
          oneOf: [{ type: "string", maxLength: 1000 }, { type: "number" }, { type: "boolean" }],
        }),
      },
      ["event"],
    ),
    random: object(
      "At random, from a seed: the same seed gives the same schedule.",
      {
        count: whole("How often.", 1, { maximum: 10_000 }),
        every: duration("Pause between two, on average.", undefined),
        seed: whole("Seed.", 0, { default: 1 }),
      },
      ["count", "every"],
    ),
  },
  ["fault", "target"],
);

const FLINK = object("The program and the cluster of `engine: flink`. Paths count from the folder of this file.", {
  jar: text("A jar to run."),
  entryClass: text("Class with the main method; that of the jar's manifest when absent."),
  arguments: { type: "array", description: "Arguments of the program.", maxItems: 1000, items: text("An argument.") },
  sql: text("A SQL script to run instead of a jar; it starts one job."),
  python: text("A PyFlink program to run instead of a jar; it starts one job."),
  interpreter: text("Python that has apache-flink, for `python`: a command, or a path.", { default: "python3" }),
  job: text("A job that runs on the cluster already: its id, the beginning of it, or its name. Only with `cluster`."),
  parallelism: whole("Default parallelism of the job.", 1),
  cluster: object(
    "A cluster that is there, in place of one that is started. It is broken by commands of your own (`command` of a fault).",
    {
      url: text("Address of its REST interface, http://HOST:8081."),
      headers: dictionary("Headers of every request. ${NAME} in a value is taken from the environment, so that no token is in this file.", text("A value.")),
      ca: text("PEM of the authority that signed its certificate."),
      cert: text("PEM of your own certificate, where it asks for one."),
      key: text("PEM of its key."),
    },
    ["url"],
  ),
  taskManagers: whole("TaskManagers to start.", 1, { default: 2, maximum: 64 }),
  slots: whole("Slots of each.", 1, { default: 2, maximum: 256 }),
  settings: dictionary("Settings of Flink by their names, execution.checkpointing.interval for example.", SETTING),
  services: {
    type: "array",
    description: "Models to serve beside the cluster, on this machine.",
    maxItems: 64,
    items: object(
      "A model.",
      {
        model: text("ONNX file."),
        name: text("Its name for callers and in targets; the file's name when absent."),
        deployment: choice(
          "Who has instances.",
          {
            external: "As many as `instances`, for all tasks; the program gets their addresses behind `argument`.",
            sidecar: "One beside each TaskManager, for its tasks alone; each TaskManager has its address in the environment variable that the program gets behind `argument`, as env:NAME.",
          },
          { default: "external" },
        ),
        instances: whole("How many instances, for external.", 1, { default: 1, maximum: 64 }),
        argument: text("Argument of the program that their addresses go behind, --langid.addresses for example."),
        loadDelay: duration("Extra time of every load of the model; always shown as such.", "0ms"),
      },
      ["model"],
    ),
  },
});

const HYPOTHESIS = object(
  "Something that must stay true.",
  {
    name: text("In a person's words; made from the probe when absent."),
    probe: choice("What is measured.", PROBES),
    of: text('Which tasks ("classify#*"), instances ("langid#0") or processes ("taskmanager:*") it is about; all of them when absent.'),
    during: choice("When it is looked at.", WINDOWS, { default: "run" }),
    command: text("For commandExit: a command for the system's shell."),
    equals: numeric("Exactly this."),
    atMost: numeric("This or less."),
    atLeast: numeric("This or more."),
    inControl: flag("Must hold in the run without faults too.", true),
    mustFail: flag("The faults have to break it: for the twin of an experiment, which shows that its hypothesis can fail. Without faults it has to hold.", false),
  },
  ["probe"],
);

export const EXPERIMENT_SCHEMA: JsonSchema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Faultline experiment",
  ...object(
    "A job, a load, a schedule of faults, and what must stay true.",
    {
      $schema: text("Address of this schema, for editors."),
      name: text("Shown to people; the file's name when absent."),
      job: text("Path of the job file, from the folder of this file."),
      engine: choice("What runs the job.", {
        local: "Processes of this program, from a job file.",
        flink: "A real Flink: one that is started on this machine from the distribution that FLINK_HOME names, or a cluster that is there. What it runs is said in `flink`.",
      }),
      flink: FLINK,
      deployment: choice("Run every service of the job this way.", {
        embedded: "In the operator's subtask.",
        sidecar: "One process beside each TaskManager.",
        "rpc-service": "RpcOperator service: a region for each instance.",
        external: "Outside the job.",
      }),
      load: object("Overrides for every source of the job.", {
        rate: numeric("Records a second.", { exclusiveMinimum: 0 }),
        limit: whole("Records in all.", 1),
      }),
      duration: duration("The job is drained after this time; without it, it runs to its own end.", undefined),
      faults: { type: "array", description: "What is broken, and when.", maxItems: 1000, items: FAULT },
      hypothesis: { type: "array", description: "What must stay true.", maxItems: 1000, items: HYPOTHESIS },
    },
    ["faults", "hypothesis"],
  ),
};
