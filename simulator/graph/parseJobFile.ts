/**
 * The job file's one parser and validator, for the command line and the editor alike.
 * Format: JSON with comments, {@link JOB_FILE_SCHEMA}. See `docs/job-file.md`.
 */
import type { Node } from "jsonc-parser";
import { INVALID, ProblemCollector, checkAgainstSchema, fieldPath, membersOf } from "./checkAgainstSchema";
import { checkDurations, checkJob, checkReferences } from "./checkJobFile";
import type { ErrorLocation, Problem } from "./errors";
import type { JobSpec } from "./jobFile";
import { JOB_FILE_SCHEMA, MAX_JOB_FILE_BYTES } from "./jobFileSchema";
import { locate, parseJsonTree, type TextPositions } from "./jsonText";
import type { RawJobFile } from "./rawJobFile";
import { readJobSpec } from "./readJobSpec";

export interface ParsedJobFile {
  /** The job with every default filled in; `undefined` when a problem is an error. */
  readonly job: JobSpec | undefined;
  /** Errors and warnings by place. Each has a code, a location with line, column, offset, length and element, and mostly a hint. */
  readonly problems: readonly Problem[];
}

/**
 * Reads the text of a job file. Never throws, whatever the text.
 * `file` is the path of the job file: relative paths in it are resolved against its folder, and problems name it.
 */
export function parseJobFile(text: string, file: string): ParsedJobFile {
  if (text.length > MAX_JOB_FILE_BYTES) {
    const message = `The job file is ${text.length} characters long; the limit is ${MAX_JOB_FILE_BYTES}.`;
    return { job: undefined, problems: [{ code: "FL1004", message, location: { file }, severity: "error" }] };
  }
  const { root, problems, positions } = parseJsonTree(text, file);
  if (root === undefined || problems.length > 0) {
    return { job: undefined, problems: problems.map((problem) => ({ ...problem, severity: "error" as const })) };
  }
  return checkJobTree(root, file, positions);
}

/** {@link parseJobFile} for a tree that was parsed already. */
export function checkJobTree(root: Node, file: string, positions: TextPositions): ParsedJobFile {
  const found = new ProblemCollector(file, positions);
  const raw = checkAgainstSchema(root, JOB_FILE_SCHEMA, "", found);
  if (root.type === "object") {
    checkReferences(root, found);
    checkDurations(root, found);
  }
  const job = raw === INVALID ? undefined : readJobSpec(raw as RawJobFile, file);
  if (job !== undefined) checkJob(job, root, found);
  return { job: found.hasErrors ? undefined : job, problems: found.finish() };
}

/**
 * Where every operator, service and edge stands in the text, by element path (`operators.classify`, `services.langid`, `edges[0]`),
 * for going from a picture of the graph to the file. Elements that cannot be read are left out. Never throws.
 */
export function locateElements(text: string, file: string): ReadonlyMap<string, ErrorLocation> {
  const places = new Map<string, ErrorLocation>();
  if (text.length > MAX_JOB_FILE_BYTES) return places;
  const { root, positions } = parseJsonTree(text, file);
  if (root?.type !== "object") return places;
  const members = membersOf(root, "");
  const note = (path: string, node: Node): void => {
    places.set(path, locate(file, positions, node.offset, node.length, path));
  };
  for (const section of ["operators", "services"]) {
    const node = members.get(section);
    if (node?.type !== "object") continue;
    for (const [id, value] of membersOf(node, section)) note(fieldPath(section, id), value.parent ?? value);
  }
  members.get("edges")?.children?.forEach((edge, i) => note(fieldPath("edges", i), edge));
  return places;
}
