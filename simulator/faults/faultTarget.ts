/** Targets as people write them: `service:langid#1`, `taskmanager:0`, `coordinator`, `task:VERTEX#INDEX`, `link:A->B`; `*` for any. */
import { FaultlineError } from "../graph/errors";
import type { FaultTarget } from "./faultDefinition";

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

/**
 * The targets that a pattern names among those there are.
 * @throws FaultlineError FL1031 when it names none.
 */
export function matchTargets(pattern: string, targets: readonly string[]): readonly string[] {
  if (!pattern.includes("*")) {
    if (targets.includes(pattern)) return [pattern];
    throw unknownTarget(pattern, targets);
  }
  const expression = new RegExp(`^${pattern.split("*").map(escapeRegExp).join(".*")}$`);
  const matches = targets.filter((target) => expression.test(target));
  if (matches.length === 0) throw unknownTarget(pattern, targets);
  return matches;
}

function unknownTarget(pattern: string, targets: readonly string[]): FaultlineError {
  const shown = targets.slice(0, 20).join(", ");
  return FaultlineError.of("FL1031", `There is no target "${pattern}" in this run.`, `Targets: ${shown}${targets.length > 20 ? ", …" : ""}.`);
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
