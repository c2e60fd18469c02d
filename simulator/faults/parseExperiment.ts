/** The experiment file's one parser and validator. Never throws, whatever the text. */
import { findNodeAtLocation } from "jsonc-parser";
import type { Node } from "jsonc-parser";
import { checkAgainstSchema, fieldPath, INVALID, ProblemCollector, quote } from "../graph/checkAgainstSchema";
import { didYouMean } from "../graph/closestName";
import { parseDuration } from "../graph/durations";
import type { Problem } from "../graph/errors";
import { fileName, resolveFrom } from "../graph/filePath";
import type { Deployment } from "../graph/jobFile";
import { locate, parseJsonTree } from "../graph/jsonText";
import { FAULT_CATALOGUE } from "./catalogue";
import type { Experiment, FaultTrigger, Hypothesis, Probe, ScheduledFault, Window } from "./experiment";
import { PROBES, SELECTIVE, WINDOWED } from "./experiment";
import { EXPERIMENT_SCHEMA, MAX_EXPERIMENT_BYTES } from "./experimentSchema";
import { checkParameters } from "./faultParameter";
import { isTargetPattern, parseFaultTarget } from "./faultTarget";
import { checkFlinkFault, readFlinkExperiment, type RawFlink } from "./parseFlinkExperiment";
import { randomTimes } from "./randomTimes";

interface RawFault {
  readonly fault: string;
  readonly target: string;
  readonly set?: Readonly<Record<string, unknown>>;
  readonly command?: string;
  readonly heal?: string;
  readonly after?: string;
  readonly atRecord?: number;
  readonly atCheckpoint?: number;
  readonly on?: { readonly event: string; readonly where?: Readonly<Record<string, string | number | boolean>> };
  readonly random?: { readonly count: number; readonly every: string; readonly seed: number };
}

interface RawHypothesis {
  readonly name?: string;
  readonly probe: Probe;
  readonly of?: string;
  readonly during: Window;
  readonly command?: string;
  readonly equals?: number;
  readonly atMost?: number;
  readonly atLeast?: number;
  readonly inControl: boolean;
  readonly mustFail: boolean;
}

interface RawExperiment {
  readonly name?: string;
  readonly job?: string;
  readonly engine?: "local" | "flink";
  readonly flink?: RawFlink;
  readonly deployment?: Deployment;
  readonly load?: { readonly rate?: number; readonly limit?: number };
  readonly duration?: string;
  readonly faults: readonly RawFault[];
  readonly hypothesis: readonly RawHypothesis[];
}

export interface ParsedExperiment {
  readonly experiment: Experiment | undefined;
  readonly problems: readonly Problem[];
}

export function parseExperiment(text: string, file: string): ParsedExperiment {
  if (text.length > MAX_EXPERIMENT_BYTES) {
    const message = `The experiment is ${text.length} characters long; the limit is ${MAX_EXPERIMENT_BYTES}.`;
    return { experiment: undefined, problems: [{ code: "FL1004", message, location: { file } }] };
  }
  const { root, problems, positions } = parseJsonTree(text, file);
  if (root === undefined || problems.length > 0) return { experiment: undefined, problems };
  const found = new ProblemCollector(file, positions);
  const raw = checkAgainstSchema(root, EXPERIMENT_SCHEMA, "", found);
  if (raw === INVALID || found.hasErrors) return { experiment: undefined, problems: found.finish() };
  const read = raw as RawExperiment;
  const durationMs = read.duration === undefined ? undefined : parseDuration(read.duration);
  const placeOf = (path: readonly (string | number)[]): Node | undefined => findNodeAtLocation(root, [...path]);
  const written = { file, found, placeOf };
  const experiment: Experiment = {
    name: read.name ?? fileName(file).replace(/\.experiment\.json$/, ""),
    file,
    jobFile: read.job === undefined ? "" : resolveFrom(file, read.job),
    flink: read.engine === "flink" ? readFlinkExperiment(read.flink, written) : undefined,
    deployment: read.deployment,
    load: { ratePerSecond: read.load?.rate, limit: read.load?.limit },
    durationMs,
    faults: read.faults.map((fault, index) => readFault(fault, index)),
    hypothesis: read.hypothesis.map((hypothesis, index) => readHypothesis(hypothesis, index)),
  };
  if (read.engine !== "flink" && read.job === undefined) found.add("FL1003", root, "job", "It is not said which job.", 'Write "job": "NAME.faultline.json", or "engine": "flink" with "flink".');
  if (read.engine !== "flink" && read.flink !== undefined) found.add("FL1003", placeOf(["flink"]), "flink", "What Flink runs is said, but not that Flink runs it.", 'Write "engine": "flink", or leave "flink" out.');
  const flink = experiment.flink;
  const isSound = !found.hasErrors;
  experiment.faults.forEach((fault, index) => {
    if (flink !== undefined && isSound) checkFlinkFault(fault, index, flink, written);
    else if (read.engine !== "flink" && (fault.command ?? fault.heal) !== undefined) {
      const field = fault.command === undefined ? "heal" : "command";
      found.add("FL1003", placeOf(["faults", index, field]), fieldPath(fieldPath("faults", index), field), "Commands of your own break a Flink cluster that is there, and nothing else.", `Leave "${field}" out.`);
    }
  });
  if (flink?.cluster.kind === "there" && flink.program.kind === "job" && durationMs === undefined) {
    found.add("FL1003", placeOf(["flink", "job"]), "duration", "It is not said how long the job is watched.", 'Write "duration": "60s". The job goes on afterwards.');
  }
  if (read.hypothesis.length === 0) found.add("FL1003", placeOf(["hypothesis"]), "hypothesis", "An experiment without a hypothesis shows nothing.", "Say what must stay true.");
  return { experiment: found.hasErrors ? undefined : experiment, problems: found.finish() };

  function readFault(fault: RawFault, index: number): ScheduledFault {
    const element = fieldPath("faults", index);
    const node = placeOf(["faults", index]);
    const definition = FAULT_CATALOGUE.find((candidate) => candidate.name === fault.fault);
    if (definition === undefined) {
      const names = FAULT_CATALOGUE.map((candidate) => candidate.name);
      found.add("FL1030", placeOf(["faults", index, "fault"]), fieldPath(element, "fault"), `There is no fault ${quote(fault.fault)}.`, didYouMean(fault.fault, names) ?? `Faults: ${names.join(", ")}.`);
    }
    const target = fault.target.includes("*") ? undefined : parseFaultTarget(fault.target);
    const targetNode = placeOf(["faults", index, "target"]);
    if (!isTargetPattern(fault.target)) {
      found.add("FL1031", targetNode, fieldPath(element, "target"), `${quote(fault.target)} is no target.`, 'Write "service:langid#1", "taskmanager:0", "coordinator", "task:VERTEX#0" or "link:taskmanager:0->service:langid#1".');
    } else if (target !== undefined && definition !== undefined && !definition.targets.includes(target.kind)) {
      found.add("FL1033", targetNode, fieldPath(element, "target"), `"${definition.name}" cannot act on ${fault.target}.`, `It acts on: ${definition.targets.join(", ")}.`);
    }
    for (const { name, problem } of definition === undefined ? [] : checkParameters(definition, fault.set ?? {})) {
      found.add(problem.code, placeOf(["faults", index, "set", name]), fieldPath(element, `set.${name}`), problem.message, problem.hint);
    }
    const triggers = triggersOf(fault);
    if (triggers.length !== 1) {
      found.add("FL1003", node, element, triggers.length === 0 ? "It is not said when." : "It is said twice when.", 'Write one of "after", "atRecord", "atCheckpoint", "on" and "random".');
    }
    const trigger = triggers[0] ?? { kind: "after", delayMs: 0 };
    if (trigger.kind === "after" && durationMs !== undefined && trigger.delayMs >= durationMs) {
      found.add("FL1032", placeOf(["faults", index, "after"]), fieldPath(element, "after"), "The fault comes after the run has ended.", `The run takes ${read.duration}.`);
    }
    const [last] = trigger.kind === "random" ? randomTimes(trigger).slice(-1) : [];
    if (last !== undefined && durationMs !== undefined && last.atMs >= durationMs) {
      const ends = `The last of them comes after ${(last.atMs / 1000).toFixed(1)} s, when the run has ended.`;
      found.add("FL1032", placeOf(["faults", index, "random"]), fieldPath(element, "random"), ends, `The run takes ${read.duration}.`);
    }
    checkEnd(fault, index, trigger.kind === "after" ? trigger.delayMs : last?.atMs);
    return { fault: fault.fault, target: fault.target, parameters: fault.set ?? {}, trigger, ...(fault.command === undefined ? {} : { command: fault.command }), ...(fault.heal === undefined ? {} : { heal: fault.heal }), location: node && locate(file, positions, node.offset, node.length, element) };
  }

  /** One that lasts beyond the run's end would never be healed, and what was to be seen after it never is. */
  function checkEnd({ set }: RawFault, index: number, beginsMs: number | undefined): void {
    const lastsMs = typeof set?.duration === "string" ? parseDuration(set.duration) : undefined;
    if (durationMs === undefined || beginsMs === undefined || lastsMs === undefined || beginsMs >= durationMs || beginsMs + lastsMs <= durationMs) return;
    const ends = `The fault lasts until ${((beginsMs + lastsMs) / 1000).toFixed(1)} s, when the run has ended.`;
    found.add("FL1032", placeOf(["faults", index, "set", "duration"]), fieldPath(fieldPath("faults", index), "set.duration"), ends, `The run takes ${read.duration}; a duration of 0 lasts until its end.`);
  }

  function readHypothesis(hypothesis: RawHypothesis, index: number): Hypothesis {
    const element = fieldPath("hypothesis", index);
    const node = placeOf(["hypothesis", index]);
    const { equals, atMost, atLeast } = hypothesis;
    if (equals === undefined && atMost === undefined && atLeast === undefined) {
      found.add("FL1003", node, element, "There is nothing to compare with.", 'Write "equals", "atMost" or "atLeast".');
    }
    const { probe, during, of, command } = hypothesis;
    const placed = (field: string): readonly [Node | undefined, string] => [placeOf(["hypothesis", index, field]) ?? node, fieldPath(element, field)];
    if (of !== undefined && !SELECTIVE.has(probe)) found.add("FL1003", ...placed("of"), `${probe} is of the whole run.`, `Leave "of" out, or ask for ${[...SELECTIVE].join(", ")}.`);
    if (during !== "run" && !WINDOWED.has(probe)) found.add("FL1003", ...placed("during"), `${probe} is known at the end of the run alone.`, `Leave "during" out, or ask for ${[...WINDOWED].join(", ")}.`);
    if ((probe === "commandExit") !== (command !== undefined)) found.add("FL1003", ...placed("command"), probe === "commandExit" ? "It is not said which command." : `${probe} runs no command.`, 'Write "command" with the probe "commandExit".');
    return {
      name: hypothesis.name ?? nameOf(hypothesis),
      probe,
      of,
      during,
      command,
      equals,
      atMost,
      atLeast,
      inControl: hypothesis.inControl,
      mustFail: hypothesis.mustFail,
      location: node && locate(file, positions, node.offset, node.length, element),
    };
  }
}

function triggersOf({ after, atRecord, atCheckpoint, on, random }: RawFault): FaultTrigger[] {
  const triggers: FaultTrigger[] = [];
  if (after !== undefined) triggers.push({ kind: "after", delayMs: parseDuration(after) ?? 0 });
  if (atRecord !== undefined) triggers.push({ kind: "record", record: atRecord });
  if (atCheckpoint !== undefined) triggers.push({ kind: "checkpoint", checkpoint: atCheckpoint });
  if (on !== undefined) triggers.push({ kind: "event", event: on.event, where: on.where ?? {} });
  if (random !== undefined) triggers.push({ kind: "random", count: random.count, meanMs: parseDuration(random.every) ?? 0, seed: random.seed });
  return triggers;
}

function nameOf({ probe, equals, atMost, atLeast }: RawHypothesis): string {
  const wanted = [equals === undefined ? "" : `= ${equals}`, atLeast === undefined ? "" : `≥ ${atLeast}`, atMost === undefined ? "" : `≤ ${atMost}`];
  return `${PROBES[probe].replace(/\.$/, "")} ${wanted.filter((part) => part !== "").join(" and ")}`;
}
