/** `faultline graph` and `faultline failover`: what a job is, and what restarts when a task fails. FILE is a job file or any plan of Flink. */
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Option, type Command } from "commander";
import { analyzeJob, type AnalyzedGraph } from "../graph/describeGraph";
import { FaultlineError, formatProblem } from "../graph/errors";
import { parseSubtaskId, subtaskId, subtaskIdAt, subtaskNumber, unknownVertex } from "../graph/executionGraph";
import { failoverScope, type FailoverScope, type FailoverStrategy, type ResultPartition } from "../graph/failoverScope";
import { graphJson, inPieces, subtaskJson } from "../graph/graphJson";
import { graphMermaid } from "../graph/graphMermaid";
import { graphSvg } from "../graph/graphSvg";
import { isolateOperator, type IsolatedOperator } from "../graph/isolateOperator";
import type { JobSpec } from "../graph/jobFile";
import { regionId } from "../graph/pipelinedRegion";
import { analyzePlan, type PlanGraph } from "../graph/planGraph";
import { readGraphFile } from "../graph/planImport";
import { planToJobText } from "../graph/planToJob";
import { regionsReadyAfter, startRegions } from "../graph/regionScheduling";
import type { CommandIo } from "./commandIo";
import { failoverText, graphText, isolateText, reasonText } from "./graphText";
import { paintFor } from "./paint";
import { readInputFile } from "./readInputFile";

const FILE_ARGUMENT =
  "a job file, or a plan of Flink (/jobs/JID/plan, /jobs/JID, getExecutionPlan(), EXPLAIN); - is standard input";

interface GraphOptions {
  readonly format: "text" | "json" | "svg" | "mermaid";
  readonly toJob?: string | true;
  readonly force?: true;
  readonly isolate?: string;
}

interface FailoverOptions {
  readonly format: "text" | "json";
  readonly task: string;
  readonly lost?: readonly string[];
  readonly strategy?: FailoverStrategy;
  readonly finished?: readonly string[];
}

export function registerGraphCommands(program: Command, io: CommandIo): void {
  program
    .command("graph")
    .description("show the job graph and its pipelined regions")
    .argument("<file>", FILE_ARGUMENT)
    .addOption(
      new Option("--format <format>", "what to print").choices(["text", "json", "svg", "mermaid"]).default("text"),
    )
    .option(
      "--to-job [out]",
      "write a job file with stand-ins for the operators of a plan, to OUT or to standard output",
    )
    .option("--force", "with --to-job OUT: replace the file if it is there")
    .option("--isolate <vertex[/operator]>", "take an operator out into an rpc-service, and show what that changes")
    .action(async (file: string, options: GraphOptions) => showGraph(file, options, io));

  program
    .command("failover")
    .description("show which tasks restart when a task fails, and why")
    .argument("<file>", FILE_ARGUMENT)
    .requiredOption("--task <vertex#index>", "the task that fails")
    .option(
      "--lost <producer#index,...>",
      "producers whose results are lost too; PRODUCER#INDEX->CONSUMER for one edge only",
      splitList,
    )
    .addOption(
      new Option("--strategy <strategy>", "region or full; the job file's own, else region").choices([
        "region",
        "full",
      ]),
    )
    .option(
      "--finished <vertex[#index],...>",
      "tasks that have finished: tasks that were not scheduled yet are then left out",
      splitList,
    )
    .addOption(new Option("--format <format>", "what to print").choices(["text", "json"]).default("text"))
    .action(async (file: string, options: FailoverOptions) => showFailover(file, options, io));
}

function splitList(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [
    ...(previous ?? []),
    ...value
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  ];
}

/** Lines are cut to the terminal; in a pipe they are whole. */
function columnsOf(io: CommandIo): number {
  return process.stdout.isTTY ? io.columns : Infinity;
}

const MOST_PROBLEMS = 20;

interface LoadedGraph {
  readonly analyzed: AnalyzedGraph;
  readonly source:
    { readonly kind: "job"; readonly job: JobSpec } | { readonly kind: "plan"; readonly plan: PlanGraph };
}

/** Reads and analyzes FILE; warnings go to standard error. Throws {@link FaultlineError} with every finding. */
async function load(file: string, io: CommandIo): Promise<LoadedGraph> {
  const text = await readInputFile(file);
  const read = readGraphFile(text, file === "-" ? "-" : resolve(file));
  // Messages name the file as the person did.
  const located = <T extends { readonly location?: { readonly file?: string } }>(problem: T): T => ({
    ...problem,
    location: { ...problem.location, file },
  });
  if (read.kind === "problems") {
    const [first, ...more] = read.problems.slice(0, MOST_PROBLEMS).map(located);
    const left = read.problems.length - MOST_PROBLEMS;
    if (left > 0) more.push({ code: first.code, message: `${left} more findings are not shown.`, location: { file } });
    throw new FaultlineError(first, more);
  }
  try {
    if (read.kind === "plan") return { analyzed: analyzePlan(read.plan), source: read };
    for (const problem of read.problems) io.err(`warning: ${formatProblem(located(problem))}\n`);
    return { analyzed: analyzeJob(read.job), source: read };
  } catch (error) {
    if (!(error instanceof FaultlineError)) throw error;
    const [first, ...more] = error.problems.map(located);
    throw new FaultlineError(first, more, error);
  }
}

async function showGraph(file: string, options: GraphOptions, io: CommandIo): Promise<void> {
  const { analyzed, source } = await load(file, io);
  const isolated = options.isolate === undefined ? undefined : isolateOperator(analyzed, options.isolate);
  if (options.toJob !== undefined) {
    if (source.kind === "job") {
      throw FaultlineError.of("FL1000", `${file} is a job file already.`, "--to-job makes a job file from a plan.", {
        file,
      });
    }
    await writeJob(planToJobText(source.plan, isolated?.operator.id), options, io);
    return;
  }
  const shown = isolated?.after ?? analyzed;
  switch (options.format) {
    case "json":
      await writePieces(graphJson(shown, isolated === undefined ? {} : { isolated: isolatedJson(isolated) }), io);
      io.out("\n");
      return;
    case "svg":
      io.out(graphSvg(shown));
      return;
    case "mermaid":
      io.out(graphMermaid(shown));
      return;
    case "text": {
      const paint = paintFor(io);
      if (isolated !== undefined) io.out(`${isolateText(isolated, paint, columnsOf(io))}\n\n`);
      io.out(`${graphText(shown, paint, columnsOf(io))}\n`);
    }
  }
}

/** Writes a long answer; waits while the reader is slower, so that it never lies in memory as a whole. */
async function writePieces(pieces: Iterable<string>, io: CommandIo): Promise<void> {
  for (const piece of pieces) {
    io.out(piece);
    if (process.stdout.writableNeedDrain) await once(process.stdout, "drain");
  }
}

async function writeJob(text: string, options: GraphOptions, io: CommandIo): Promise<void> {
  if (typeof options.toJob !== "string") {
    io.out(text);
    return;
  }
  try {
    await writeFile(options.toJob, text, { flag: options.force === true ? "w" : "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") {
      throw FaultlineError.of("FL1000", `${options.toJob} is there already.`, "Choose another name, or add --force.", {
        file: options.toJob,
      });
    }
    throw FaultlineError.of(
      "FL1001",
      `${options.toJob} cannot be written.`,
      "Choose another place.",
      { file: options.toJob },
      error,
    );
  }
  io.err(`Wrote ${options.toJob}.\n`);
}

function isolatedJson(isolated: IsolatedOperator): unknown {
  const { vertex, operator, serviceId, before, after, scopeBefore, scopeAfter, scopeOfClientAfter } = isolated;
  const scope = (analyzed: AnalyzedGraph, failed: string, { subtasks, regions }: FailoverScope): unknown => ({
    failed,
    regions: Array.from(regions, regionId),
    restart: Array.from(subtasks, (subtask) => subtaskIdAt(analyzed.graph, subtask)),
  });
  const task = `${vertex.id}#0`;
  return {
    vertex: vertex.id,
    operator: operator.id,
    service: serviceId,
    before: {
      regionCount: before.regions.count,
      modelFails: scope(before, task, scopeBefore),
      taskFails: scope(before, task, scopeBefore),
    },
    after: {
      regionCount: after.regions.count,
      modelFails: scope(after, `${serviceId}#0`, scopeAfter),
      taskFails: scope(after, task, scopeOfClientAfter),
    },
  };
}

async function showFailover(file: string, options: FailoverOptions, io: CommandIo): Promise<void> {
  const { analyzed, source } = await load(file, io);
  const { graph, regions } = analyzed;
  const failed = subtaskNumber(graph, taskId(analyzed, options.task));
  const started = options.finished === undefined ? undefined : startedRegions(analyzed, options.finished);
  const scope = failoverScope(graph, regions, failed, {
    strategy: options.strategy ?? strategyOf(source),
    lost: (options.lost ?? []).flatMap((producer) => lostPartitions(analyzed, producer)),
    isCreated: started === undefined ? undefined : (subtask) => !started.has(regions.regionOf[subtask]),
  });
  if (options.format === "text") {
    io.out(`${failoverText(analyzed, failed, scope, paintFor(io), columnsOf(io))}\n`);
    return;
  }
  const head = {
    failed: subtaskIdAt(graph, failed),
    strategy: scope.strategy,
    regions: Array.from(scope.regions, regionId),
  };
  io.out(`${JSON.stringify(head).slice(0, -1)},"restart":[`);
  await writePieces(inPieces(subtaskJson(graph, scope.subtasks)), io);
  const reasons = Array.from(scope.regions.subarray(0, MOST_REASONS), (region, i) => ({
    region: regionId(region),
    kind: scope.reasonOf(i).kind,
    because: reasonText(analyzed, scope, i),
  }));
  const tail = { untouchedTasks: graph.subtaskCount - scope.subtasks.length, reasons, notes: analyzed.origin.notes };
  io.out(`],${JSON.stringify(tail).slice(1)}\n`);
}

/** Reasons of more regions than this are not written out. */
const MOST_REASONS = 10_000;

/** The job's own strategy; the adaptive scheduler builds everything anew, services included. */
function strategyOf(source: LoadedGraph["source"]): FailoverStrategy {
  if (source.kind === "plan") return "region";
  return source.job.runtime.scheduler === "adaptive" ? "full" : source.job.runtime.failoverStrategy;
}

/** `VERTEX#INDEX` with the full id of the vertex. */
function taskId(analyzed: AnalyzedGraph, written: string): string {
  const parsed = parseSubtaskId(written);
  return parsed === undefined ? written : subtaskId(vertexId(analyzed, parsed.vertexId), parsed.index);
}

/** People may name a vertex by the beginning of its id, by its name or by one of its operators, where that is one vertex only. */
function vertexId(analyzed: AnalyzedGraph, written: string): string {
  if (analyzed.graph.vertexIndex.has(written)) return written;
  const { vertices } = analyzed;
  const ways = [
    vertices.filter(({ id }) => written.length >= 4 && id.startsWith(written)),
    vertices.filter(({ name }) => name === written),
    vertices.filter(({ operators }) => operators.some(({ id, name }) => id === written || name === written)),
  ];
  return ways.find((found) => found.length === 1)?.[0].id ?? written;
}

/** Partitions that `PRODUCER#INDEX` (all it produces) or `PRODUCER#INDEX->CONSUMER` (those for one vertex) names. Throws FL1017. */
function lostPartitions(analyzed: AnalyzedGraph, written: string): ResultPartition[] {
  const { graph } = analyzed;
  const arrow = written.indexOf("->");
  const producer = taskId(analyzed, arrow < 0 ? written : written.slice(0, arrow));
  const consumer = arrow < 0 ? undefined : vertexId(analyzed, written.slice(arrow + 2));
  subtaskNumber(graph, producer);
  const { vertexId: producing, index } = parseSubtaskId(producer)!;
  const source = graph.vertexIndex.get(producing)!;
  const target = consumer === undefined ? undefined : graph.vertexIndex.get(consumer);
  if (consumer !== undefined && target === undefined) throw unknownVertex(graph, consumer);
  const edges = graph.outputs[source].filter((edge) => target === undefined || edge.target === target);
  if (edges.length === 0) {
    const what = consumer === undefined ? "no result partitions" : `no result partition for "${consumer}"`;
    throw FaultlineError.of("FL1017", `"${producer}" produces ${what}.`, "Name the producer of an edge.");
  }
  return edges.map((edge) => ({ edge: edge.index, producer: index }));
}

/** Regions that were scheduled by the time the given tasks (`VERTEX#INDEX`, or all of `VERTEX`) have finished. Throws FL1017. */
function startedRegions(analyzed: AnalyzedGraph, written: readonly string[]): ReadonlySet<number> {
  const { graph, regions } = analyzed;
  const finished = new Set<number>();
  for (const name of written) {
    const vertex = graph.vertexIndex.get(vertexId(analyzed, name));
    if (vertex === undefined) finished.add(subtaskNumber(graph, taskId(analyzed, name)));
    else
      for (let subtask = graph.offsets[vertex]; subtask < graph.offsets[vertex + 1]; subtask++) finished.add(subtask);
  }
  const scheduled = new Set(startRegions(graph, regions));
  const progress = {
    isScheduled: (region: number) => scheduled.has(region),
    isFinished: (subtask: number) => finished.has(subtask),
  };
  for (const subtask of finished) {
    for (const region of regionsReadyAfter(graph, regions, subtask, progress)) scheduled.add(region);
  }
  return scheduled;
}
