/**
 * Reads any file that holds a graph: a job file, or a plan of a real Flink in each of its forms. What it is, is told by its content.
 */
import { parse } from "jsonc-parser";
import { quote } from "./checkAgainstSchema";
import { FaultlineError, type Problem } from "./errors";
import { readExecutionPlan } from "./executionPlan";
import type { JobSpec } from "./jobFile";
import { MAX_TEXT_LENGTH, TextPositions, locateValue, sizeProblem, syntaxProblems } from "./jsonText";
import { parseJobFile } from "./parseJobFile";
import type { PlanGraph } from "./planGraph";
import { PlanProblems, field, isObject, toProblem, type JsonObject, type JsonPath } from "./planReading";
import { readRestPlan } from "./restPlan";
import { readStreamGraph } from "./streamGraphPlan";

export type GraphFile =
  | { readonly kind: "job"; readonly job: JobSpec; /** Warnings. */ readonly problems: readonly Problem[] }
  | { readonly kind: "plan"; readonly plan: PlanGraph }
  | { readonly kind: "problems"; readonly problems: readonly Problem[] };

/** Reads the text of a file that holds a graph. Never throws. `file` is its path, for messages and for the relative paths of a job file. */
export function readGraphFile(text: string, file: string): GraphFile {
  if (text.length > MAX_TEXT_LENGTH) {
    return invalid({
      code: "FL1004",
      message: `The file is ${text.length} characters long; the limit is ${MAX_TEXT_LENGTH}.`,
      location: { file },
    });
  }
  const json = withoutExplainText(text);
  const positions = new TextPositions(json);
  const tooLarge = sizeProblem(json, file, positions);
  if (tooLarge !== undefined) return invalid(tooLarge);
  const root = parseAny(json);
  if (root === undefined) {
    const problems = syntaxProblems(json, file, positions);
    return invalid(
      ...(problems.length > 0
        ? problems
        : [{ code: "FL1002", message: "This is not valid JSON.", location: { file } } as const]),
    );
  }
  const content = recognise(root);
  if (content.kind === "job") {
    const { job, problems } = parseJobFile(json, file);
    return job === undefined ? { kind: "problems", problems } : { kind: "job", job, problems };
  }
  if (content.kind === "unknown")
    return invalid({ code: "FL1005", message: content.message, hint: content.hint, location: { file } });
  const found = new PlanProblems();
  try {
    const plan = readPlan(content, found);
    if (plan !== undefined && plan.vertices.length > 0) return { kind: "plan", plan };
    if (plan !== undefined)
      found.add(
        "FL1003",
        [...content.path, "nodes"],
        "The plan has no operators.",
        "A job that has started has at least one.",
      );
  } catch (error) {
    if (!(error instanceof FaultlineError)) throw error;
    return invalid(...error.problems.map((problem) => ({ ...problem, location: { file, ...problem.location } })));
  }
  return invalid(
    ...found.problems.map((problem, i) =>
      // Looking up a place costs a pass over the text, so only the first findings have one.
      toProblem(problem, file, i < 5 ? locateValue(json, file, positions, problem.path) : undefined),
    ),
  );
}

function invalid(...problems: readonly Problem[]): GraphFile {
  return { kind: "problems", problems: problems.map((problem) => ({ severity: "error" as const, ...problem })) };
}

/** JSON, or JSON with comments; `undefined` when it is neither. */
function parseAny(text: string): unknown {
  const readable = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  try {
    return JSON.parse(readable);
  } catch {
    const errors: never[] = [];
    const value: unknown = parse(readable, errors, { allowTrailingComma: true });
    return errors.length === 0 ? value : undefined;
  }
}

/** EXPLAIN prints several sections; the JSON stands below its own heading. What comes before becomes blank, so that places stay right. */
function withoutExplainText(text: string): string {
  const heading = /^== (?:Physical|Streaming)? ?Execution Plan ==[ \t]*\r?$/im.exec(text.slice(0, 1_000_000));
  if (heading === null) return text;
  const start = text.indexOf("{", heading.index);
  return start < 0 ? text : text.slice(0, start).replace(/[^\n]/g, " ") + text.slice(start);
}

type Content =
  | { readonly kind: "job" }
  | {
      readonly kind: "rest-plan" | "stream-graph";
      readonly plan: JsonObject;
      readonly path: JsonPath;
      readonly job: JsonObject | undefined;
    }
  | { readonly kind: "execution-plan"; readonly plan: JsonObject; readonly path: JsonPath }
  | { readonly kind: "unknown"; readonly message: string; readonly hint: string };

const WANTED =
  "Give a job file (NAME.faultline.json), or a plan: the answer of /jobs/JID/plan or /jobs/JID, or what getExecutionPlan() or EXPLAIN prints.";

/** Answers of Flink's REST API and other files that people take for a plan, by a field that only they have. */
const NO_PLANS: readonly (readonly [fieldName: string, what: string])[] = [
  ["jobs", "the list of jobs of /jobs/overview: it names jobs but shows no graph"],
  ["exceptionHistory", "the exceptions of a job (/jobs/JID/exceptions), without its graph"],
  ["root-exception", "the exceptions of a job (/jobs/JID/exceptions), without its graph"],
  ["taskmanagers", "the list of TaskManagers (/taskmanagers)"],
  ["subtasks", "the subtasks of one vertex (/jobs/JID/vertices/VID), without the graph"],
  ["flink-version", "the configuration of Flink's web page (/config)"],
  ["hypothesis", "an experiment: it names a job file, and that one has the graph"],
  ["latest", "the checkpoints of a job (/jobs/JID/checkpoints), without its graph"],
];

function recognise(root: unknown): Content {
  if (!isObject(root)) {
    const what = Array.isArray(root) ? "a list" : root === null ? "null" : `a ${typeof root}`;
    return { kind: "unknown", message: `The file holds ${what}, not a job or a plan.`, hint: WANTED };
  }
  const plan = field(root, "plan");
  const streamGraph = field(root, "stream-graph");
  if (isObject(streamGraph) && hasPending(streamGraph)) {
    return { kind: "stream-graph", plan: streamGraph, path: ["stream-graph"], job: root };
  }
  if (isObject(plan) && Array.isArray(field(plan, "nodes"))) {
    const isJob = Array.isArray(field(root, "vertices")) || typeof field(root, "state") === "string";
    return { kind: "rest-plan", plan, path: ["plan"], job: isJob ? root : undefined };
  }
  if (isObject(streamGraph) && Array.isArray(field(streamGraph, "nodes"))) {
    return { kind: "stream-graph", plan: streamGraph, path: ["stream-graph"], job: root };
  }
  if (isObject(field(root, "operators"))) return { kind: "job" };
  const nodes = field(root, "nodes");
  if (Array.isArray(nodes)) return recogniseNodes(root, nodes.filter(isObject));
  for (const [name, what] of NO_PLANS) {
    if (Object.hasOwn(root, name)) return { kind: "unknown", message: `The file holds ${what}.`, hint: WANTED };
  }
  if (Array.isArray(field(root, "vertices")) || isObject(plan)) {
    return {
      kind: "unknown",
      message: "This is the answer of /jobs/JID, but without the nodes of its plan.",
      hint: "Ask /jobs/JID/plan, once the job has started.",
    };
  }
  if (["operators", "runtime", "services", "edges"].some((name) => Object.hasOwn(root, name))) return { kind: "job" };
  const keys = Object.keys(root).slice(0, 6).map(quote).join(", ");
  return {
    kind: "unknown",
    message:
      keys === "" ? "The file holds an empty object." : `The file is neither a job file nor a plan; it has ${keys}.`,
    hint: WANTED,
  };
}

function recogniseNodes(root: JsonObject, nodes: readonly JsonObject[]): Content {
  const has = (name: string): boolean => nodes.some((node) => Object.hasOwn(node, name));
  if (has("predecessors") || has("pact")) return { kind: "execution-plan", plan: root, path: [] };
  const exchanges = nodes.flatMap(exchangesOf);
  const looksLikePlan = Object.hasOwn(root, "jid") || has("operator_strategy") || has("optimizer_properties");
  const isStreamGraph =
    has("job_vertex_id") ||
    exchanges.some((exchange) => EXCHANGE_MODES.has(exchange)) ||
    (exchanges.length === 0 && nodes.length > 0 && !looksLikePlan && nodes.every(hasOperatorId));
  if (isStreamGraph) return { kind: "stream-graph", plan: root, path: [], job: undefined };
  return { kind: "rest-plan", plan: root, path: [], job: undefined };
}

/** Exchanges that only a stream graph has: it writes exchange modes in upper case, where a plan writes partition types in lower case. */
const EXCHANGE_MODES: ReadonlySet<string> = new Set(["BATCH", "UNDEFINED"]);

function exchangesOf(node: JsonObject): string[] {
  const inputs = field(node, "inputs");
  if (!Array.isArray(inputs)) return [];
  return inputs.flatMap((input) =>
    isObject(input) && typeof field(input, "exchange") === "string" ? [String(field(input, "exchange"))] : [],
  );
}

/** Ids of operators are numbers; ids of job vertices are 32 hexadecimal digits. */
function hasOperatorId(node: JsonObject): boolean {
  const id = field(node, "id");
  return typeof id === "number" || (typeof id === "string" && /^\d{1,9}$/.test(id));
}

function hasPending(streamGraph: JsonObject): boolean {
  const nodes = field(streamGraph, "nodes");
  return (
    Array.isArray(nodes) && nodes.some((node) => isObject(node) && typeof field(node, "job_vertex_id") !== "string")
  );
}

function readPlan(content: Exclude<Content, { kind: "job" | "unknown" }>, found: PlanProblems): PlanGraph | undefined {
  switch (content.kind) {
    case "execution-plan":
      return readExecutionPlan(content.plan, found);
    case "stream-graph":
      return readStreamGraph(content.plan, content.path, content.job, found);
    case "rest-plan":
      return readRestPlan(content.plan, content.path, content.job, found);
  }
}
