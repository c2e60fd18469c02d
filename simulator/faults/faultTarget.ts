/** Targets as people write them: `service:langid#1`, `taskmanager:0`, `coordinator`, `task:VERTEX#INDEX`, `link:A->B`; `*` for any. */
import { closestName } from "../graph/closestName";
import { FaultlineError } from "../graph/errors";
import type { FaultTarget, LinkKind } from "./faultDefinition";

/** @returns undefined when the text is of none of the forms. Wildcards are resolved before: see {@link matchTargets}. */
export function parseFaultTarget(text: string): FaultTarget | undefined {
  if (text === "coordinator") return { kind: "coordinator" };
  const [, kind, rest] = /^(service|taskmanager|task|link):(.+)$/.exec(text) ?? [];
  if (kind === undefined || rest === undefined) return undefined;
  if (kind === "taskmanager") return /^\d+$/.test(rest) ? { kind, index: Number(rest) } : undefined;
  if (kind === "link") {
    const [from, to, more] = rest.split("->");
    return from && to && more === undefined ? { kind, from, to } : undefined;
  }
  if (!/^.+#\d+$/.test(rest)) return undefined;
  return kind === "service" ? { kind, instance: rest } : { kind: "task", task: rest };
}

/** Whether a text is a target, or a pattern for some. */
export function isTargetPattern(text: string): boolean {
  if (!text.includes("*")) return parseFaultTarget(text) !== undefined;
  return /^(\*|(service|taskmanager|task):.*\*.*|link:.+->.+)$/.test(text);
}

export function isLinkPattern(pattern: string): boolean {
  return pattern.startsWith("link:");
}

/**
 * The targets that a pattern names among those there are.
 * @throws FaultlineError FL1031 when it names none.
 */
export function matchTargets(pattern: string, targets: readonly string[]): readonly string[] {
  const matches = pattern.includes("*") ? targets.filter(matcher(pattern)) : targets.filter((target) => target === pattern);
  if (matches.length === 0) throw unknownTarget(pattern, targets);
  return matches;
}

/**
 * The links that a pattern `link:A->B` names, between the processes among the targets there are.
 * @throws FaultlineError FL1031 when there is no such process, FL1033 when those processes have no link of a kind that is asked for.
 */
export function matchLinks(pattern: string, targets: readonly string[], kinds: readonly LinkKind[] = LINK_KINDS): readonly string[] {
  const [from = "", to = ""] = pattern.slice("link:".length).split("->");
  const processes = targets.filter((target) => !target.startsWith("task:"));
  const ends = [from, to].map((end) => {
    const found = processes.filter(matcher(end));
    if (found.length === 0) throw unknownTarget(end, processes);
    return found;
  });
  const [starts = [], stops = []] = ends;
  const links = starts.flatMap((start) =>
    stops.flatMap((stop) => {
      const kind = linkKind(start, stop);
      return kind !== undefined && kinds.includes(kind) ? [`link:${start}->${stop}`] : [];
    }),
  );
  if (links.length > 0) return links;
  throw FaultlineError.of("FL1033", `There is no link ${pattern.slice("link:".length)}.`, "Links join a TaskManager and a service instance, two TaskManagers, or the coordinator and any other.");
}

const LINK_KINDS: readonly LinkKind[] = ["taskmanager-service", "taskmanager-taskmanager", "worker-coordinator"];

/** What joins two processes; `undefined` where nothing does. */
export function linkKind(from: string, to: string): LinkKind | undefined {
  if (from === to) return undefined;
  if (from === "coordinator" || to === "coordinator") return "worker-coordinator";
  const services = [from, to].filter((end) => end.startsWith("service:")).length;
  return services === 0 ? "taskmanager-taskmanager" : services === 1 ? "taskmanager-service" : undefined;
}

/** The processes that carry a fault on a link out: those that connect. */
export function linkProcesses({ from, to }: Extract<FaultTarget, { kind: "link" }>): readonly string[] {
  switch (linkKind(from, to)) {
    case "taskmanager-taskmanager":
      return [from, to];
    case "worker-coordinator":
      return [from, to].filter((end) => end !== "coordinator");
    default:
      return [from, to].filter((end) => !end.startsWith("service:"));
  }
}

function matcher(pattern: string): (target: string) => boolean {
  const expression = new RegExp(`^${pattern.split("*").map(escapeRegExp).join(".*")}$`);
  return (target) => expression.test(target);
}

function unknownTarget(pattern: string, targets: readonly string[]): FaultlineError {
  const close = closestName(pattern, targets);
  const shown = targets.slice(0, 20).join(", ");
  const hint = `Targets: ${shown}${targets.length > 20 ? ", …" : ""}.`;
  return FaultlineError.of("FL1031", `There is no target "${pattern}" in this run.`, close === undefined ? hint : `Did you mean "${close}"? ${hint}`);
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
