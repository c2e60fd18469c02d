/** The part of an experiment's file that is about a real Flink: what it runs, on which cluster, and what of it can be broken in which way. */
import type { Node } from "jsonc-parser";
import { fieldPath, quote, type ProblemCollector } from "../graph/checkAgainstSchema";
import { didYouMean } from "../graph/closestName";
import { parseDuration } from "../graph/durations";
import { fileName, resolveFrom } from "../graph/filePath";
import type { FlinkExperiment, FlinkProgram, FlinkService, ScheduledFault } from "./experiment";
import { linkKind, matchLinks, matchTargets, parseFaultTarget } from "./faultTarget";
import { FaultlineError } from "../graph/errors";

export interface RawFlink {
  readonly jar?: string;
  readonly entryClass?: string;
  readonly arguments?: readonly string[];
  readonly sql?: string;
  readonly python?: string;
  readonly interpreter: string;
  readonly job?: string;
  readonly parallelism?: number;
  readonly cluster?: {
    readonly url: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
  };
  readonly taskManagers: number;
  readonly slots: number;
  readonly settings?: Readonly<Record<string, string | number>>;
  readonly services?: readonly RawService[];
}

interface RawService {
  readonly model: string;
  readonly name?: string;
  readonly deployment: "external" | "sidecar";
  readonly instances: number;
  readonly argument?: string;
  readonly loadDelay: string;
}

/** The experiment's file as it is being read. */
export interface ExperimentText {
  readonly file: string;
  readonly found: ProblemCollector;
  placeOf(path: readonly (string | number)[]): Node | undefined;
}

const PROGRAMS = ["jar", "sql", "python", "job"] as const;

export function readFlinkExperiment(raw: RawFlink | undefined, text: ExperimentText): FlinkExperiment | undefined {
  const { file, found } = text;
  const say = (path: readonly (string | number)[], message: string, hint: string): void =>
    found.add("FL1003", text.placeOf(path) ?? text.placeOf(["flink"]), fieldOf(path), message, hint);
  const named = raw === undefined ? [] : PROGRAMS.filter((name) => raw[name] !== undefined);
  if (raw === undefined || named.length !== 1) {
    const message = named.length === 0 ? "It is not said what Flink runs." : "It is said twice what Flink runs.";
    found.add(
      "FL1003",
      text.placeOf(raw === undefined ? [] : ["flink"]),
      "flink",
      message,
      'Write one of "jar", "sql", "python" and "job" in "flink": { "jar": "job.jar" }.',
    );
    return undefined;
  }
  const takesArguments = raw.jar !== undefined || raw.python !== undefined;
  if (raw.arguments !== undefined && !takesArguments)
    say(["flink", "arguments"], "Only a jar and a Python program take arguments.", 'Leave "arguments" out.');
  if (raw.entryClass !== undefined && raw.jar === undefined)
    say(["flink", "entryClass"], "Only a jar has an entry class.", 'Leave "entryClass" out.');
  if (raw.parallelism !== undefined && raw.job !== undefined)
    say(["flink", "parallelism"], "The job runs already.", 'Leave "parallelism" out.');
  if (raw.job !== undefined && raw.cluster === undefined)
    say(
      ["flink", "job"],
      "A cluster that is started for the experiment runs no job yet.",
      'Name the cluster that runs it: "cluster": { "url": "http://HOST:8081" }.',
    );
  if (raw.cluster !== undefined) {
    for (const name of ["taskManagers", "slots"]) {
      if (text.placeOf(["flink", name]) !== undefined)
        say(["flink", name], "The cluster is there already.", `Leave "${name}" out.`);
    }
    if (raw.settings !== undefined && raw.jar === undefined)
      say(
        ["flink", "settings"],
        "Settings can be given to a cluster that is there only with a jar.",
        'Leave "settings" out, or SET them in the script.',
      );
    if (!/^https?:\/\/[^\s/]+/.test(raw.cluster.url))
      say(
        ["flink", "cluster", "url"],
        `${quote(raw.cluster.url)} is no address of a cluster.`,
        "Write http://HOST:8081.",
      );
    const secured = raw.cluster.headers !== undefined || raw.cluster.ca !== undefined || raw.cluster.cert !== undefined;
    if (secured && (raw.sql !== undefined || raw.python !== undefined))
      say(
        ["flink", raw.sql === undefined ? "python" : "sql"],
        "Flink's own programs, which submit scripts, are not given headers and certificates.",
        'Submit it yourself and name it with "job".',
      );
  }
  const services = (raw.services ?? []).map((service, index) => readService(service, index));
  return {
    program: programOf(raw, file),
    parallelism: raw.parallelism,
    settings: Object.fromEntries(Object.entries(raw.settings ?? {}).map(([name, value]) => [name, String(value)])),
    cluster: clusterOf(raw, file),
    services,
  };

  function readService(
    { model, name, deployment, instances, argument, loadDelay }: RawService,
    index: number,
  ): FlinkService {
    const path = ["flink", "services", index] as const;
    const service = name ?? fileName(model).replace(/\.onnx$/i, "");
    const others = (raw?.services ?? [])
      .slice(0, index)
      .map((one) => one.name ?? fileName(one.model).replace(/\.onnx$/i, ""));
    if (!/^[\w.-]+$/.test(service))
      say(
        [...path, "name"],
        `${quote(service)} is no name of a service.`,
        "Use letters, digits, dots, dashes and underscores.",
      );
    if (others.includes(service))
      say([...path, "name"], `There are two services ${quote(service)}.`, "Give one of them another name.");
    if (argument !== undefined && !takesArguments)
      say(
        [...path, "argument"],
        "Only a jar and a Python program take arguments.",
        'Leave "argument" out; the addresses are in the environment of the TaskManagers.',
      );
    if (deployment === "sidecar" && raw?.cluster !== undefined)
      say(
        [...path, "deployment"],
        "Only TaskManagers that are started with the experiment can have a sidecar.",
        'Write "external".',
      );
    if (raw?.cluster !== undefined && !/^https?:\/\/(127\.|localhost|\[::1\])/.test(raw.cluster.url)) {
      say(
        path,
        "Models are served on this machine's loopback alone, where a cluster elsewhere cannot call them.",
        "Serve them where the cluster is, with `faultline serve` or Triton.",
      );
    }
    if (raw?.job !== undefined)
      say(
        path,
        "A job that runs already cannot be given addresses.",
        "Submit the program with the experiment, or serve the models yourself.",
      );
    return {
      name: service,
      model: resolveFrom(file, model),
      deployment,
      instances,
      argument,
      loadDelayMs: parseDuration(loadDelay) ?? 0,
    };
  }
}

function programOf(raw: RawFlink, file: string): FlinkProgram {
  if (raw.jar !== undefined)
    return {
      kind: "jar",
      path: resolveFrom(file, raw.jar),
      entryClass: raw.entryClass,
      arguments: raw.arguments ?? [],
    };
  if (raw.sql !== undefined) return { kind: "sql", path: resolveFrom(file, raw.sql) };
  if (raw.python !== undefined) {
    const interpreter = /[\\/]/.test(raw.interpreter) ? resolveFrom(file, raw.interpreter) : raw.interpreter;
    return { kind: "python", path: resolveFrom(file, raw.python), interpreter, arguments: raw.arguments ?? [] };
  }
  return { kind: "job", job: raw.job ?? "" };
}

function clusterOf({ cluster, taskManagers, slots }: RawFlink, file: string): FlinkExperiment["cluster"] {
  if (cluster === undefined) return { kind: "started", taskManagers, slots };
  const pem = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolveFrom(file, path);
  return {
    kind: "there",
    url: cluster.url,
    headers: cluster.headers ?? {},
    ca: pem(cluster.ca),
    cert: pem(cluster.cert),
    key: pem(cluster.key),
  };
}

/** Of processes that are started for the experiment; a JVM cannot be told to do more to itself. */
export const FLINK_PROCESS_FAULTS: ReadonlySet<string> = new Set(["crash", "terminate", "hang", "cpu-starvation"]);

/** What can be named as a target, for a cluster that is started; of one that is there, its TaskManagers are not known. */
export function flinkTargets({ cluster, services }: FlinkExperiment): readonly string[] {
  const taskManagers = cluster.kind === "started" ? cluster.taskManagers : 0;
  return [
    "coordinator",
    ...Array.from({ length: taskManagers }, (_, index) => `taskmanager:${index}`),
    ...services.flatMap(({ name, deployment, instances }) =>
      Array.from(
        { length: deployment === "sidecar" ? taskManagers : instances },
        (_, index) => `service:${name}#${index}`,
      ),
    ),
  ];
}

/** Whether the fault can be injected there, and is said how where only the person knows. */
export function checkFlinkFault(
  fault: ScheduledFault,
  index: number,
  experiment: FlinkExperiment,
  text: ExperimentText,
): void {
  const element = fieldPath("faults", index);
  const at = (field: string): readonly [Node | undefined, string] => [
    text.placeOf(["faults", index, field]) ?? text.placeOf(["faults", index]),
    fieldPath(element, field),
  ];
  const there = experiment.cluster.kind === "there";
  const { found } = text;
  const isOurs =
    /^service:/.test(fault.target) ||
    (/^link:/.test(fault.target) && /service:/.test(fault.target) && experiment.services.length > 0);
  if (fault.heal !== undefined && fault.command === undefined)
    found.add("FL1003", ...at("heal"), "There is no command that it would heal.", 'Write "command" too.');
  if (fault.command !== undefined) {
    if (!there)
      found.add(
        "FL1003",
        ...at("command"),
        "The cluster is started for the experiment, which breaks it itself.",
        'Leave "command" out, or name a cluster that is there: "cluster": { "url": … }.',
      );
    return;
  }
  if (there && !isOurs) {
    found.add(
      "FL1003",
      ...at("command"),
      "Only you know how this is done to a cluster that is there.",
      'Write the command: "command": "kubectl delete pod $FAULTLINE_TASKMANAGER".',
    );
    return;
  }
  try {
    const targets = flinkTargets(experiment);
    if (fault.target.startsWith("link:")) checkLink(fault, targets, there);
    else checkProcess(fault, matchTargets(fault.target, targets));
  } catch (error) {
    if (!(error instanceof FaultlineError)) throw error;
    const { code, message, hint } = error.problems[0];
    found.add(code, ...at("target"), message, hint);
  }
}

function checkLink({ fault, target }: ScheduledFault, targets: readonly string[], there: boolean): void {
  // The TaskManagers of a cluster that is there are not known yet; any of them may connect.
  const links = matchLinks(target, there ? [...targets, "taskmanager:0"] : targets);
  for (const link of links) {
    const parsed = parseFaultTarget(link);
    if (parsed?.kind === "link" && linkKind(parsed.from, parsed.to) === "taskmanager-service") continue;
    throw FaultlineError.of(
      "FL1033",
      `"${fault}" cannot act on ${link}: Flink's own connections are not in reach.`,
      "Links between a TaskManager and a service can be hit: link:taskmanager:*->service:NAME#0.",
    );
  }
}

function checkProcess({ fault }: ScheduledFault, targets: readonly string[]): void {
  const [first] = targets.filter((target) => !target.startsWith("service:"));
  if (first === undefined || FLINK_PROCESS_FAULTS.has(fault)) return;
  throw FaultlineError.of(
    "FL1033",
    `"${fault}" cannot act on ${first} of a real Flink.`,
    didYouMean(fault, [...FLINK_PROCESS_FAULTS]) ??
      `On its processes can act: ${[...FLINK_PROCESS_FAULTS].join(", ")}.`,
  );
}

function fieldOf(path: readonly (string | number)[]): string {
  return path.slice(1).reduce<string>((text, part) => fieldPath(text, part), String(path[0] ?? ""));
}
