/** Reads a job file from disk and checks it, with everything that it names: models, sources and functions. */
import { createReadStream } from "node:fs";
import { access, constants, readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Problem } from "../graph/errors";
import { FaultlineError } from "../graph/errors";
import type { JobSpec } from "../graph/jobFile";
import { locateElements, parseJobFile } from "../graph/parseJobFile";
import { listDirectory } from "../operators/directoryRecords";
import { compileFunctions } from "../operators/functionModule";
import type { FunctionModules } from "../operators/functionModule";

const MAX_JOB_FILE_BYTES = 1024 * 1024;

/** @throws FaultlineError with every problem of the file. */
export async function loadJobFile(path: string): Promise<JobSpec> {
  const file = resolve(path);
  const text = await readJobFileText(file);
  const { job, problems } = parseJobFile(text, file);
  throwIfAny(problems.filter((problem) => problem.severity !== "warning"));
  if (job === undefined) throw FaultlineError.of("FL1003", "This is not a job file.", undefined, { file });
  return job;
}

/**
 * Checks what can only be known from the disk, and compiles the functions into `outDirectory`. Nothing of the person's code is run.
 * @throws FaultlineError with every problem found.
 */
export async function prepareJob(job: JobSpec, outDirectory: string): Promise<FunctionModules> {
  const compiling = compileFunctions(job, outDirectory);
  const problems = (await Promise.all([...job.services.map(checkModel), ...job.operators.map(checkSource)])).flat();
  const compiled = await compiling;
  throwIfAny(await withPlaces(job, [...problems, ...compiled.problems]));
  return compiled.modules;
}

/** What `work` finds about elements of the job is given the place in the file. */
export async function locating<T>(job: JobSpec, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof FaultlineError)) throw error;
    const [first, ...more] = await withPlaces(job, error.problems);
    throw first === undefined ? error : new FaultlineError(first, more, error);
  }
}

async function withPlaces(job: JobSpec, problems: readonly Problem[]): Promise<readonly Problem[]> {
  const elements = locateElements(await readJobFileText(job.file), job.file);
  return problems.map((problem) => {
    const { element, line } = problem.location ?? {};
    const place = element === undefined || line !== undefined ? undefined : elements.get(element);
    return place === undefined ? problem : { ...problem, location: { ...place, element } };
  });
}

async function readJobFileText(file: string): Promise<string> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw FaultlineError.of("FL1001", error.code === "ENOENT" ? "The file does not exist." : `The file cannot be read (${error.code}).`, "Check the path.", { file });
  });
  if (found.isDirectory()) throw FaultlineError.of("FL1001", "This is a folder, not a file.", "Name a .faultline.json file.", { file });
  if (found.size > MAX_JOB_FILE_BYTES) throw FaultlineError.of("FL1004", `A job file may have ${MAX_JOB_FILE_BYTES} bytes; this one has ${found.size}.`, undefined, { file });
  return readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw FaultlineError.of("FL1001", `The file cannot be read (${error.code}).`, "Check its permissions.", { file });
  });
}

async function checkModel(service: JobSpec["services"][number]): Promise<Problem[]> {
  if (service.deployment === "external" || service.models.length === 0) return [];
  const element = `services.${service.id}.model`;
  try {
    const found = await stat(service.model);
    if (found.isDirectory()) return [{ code: "FL3001", message: `The model of service "${service.id}" is a folder: ${service.model}.`, hint: "Name the .onnx file in it.", location: { element } }];
    await access(service.model, constants.R_OK);
    if (found.size === 0) return [{ code: "FL3002", message: `The model of service "${service.id}" is empty: ${service.model}.`, hint: "Export the model again.", location: { element } }];
    return [];
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return [
      {
        code: "FL3001",
        message: `The model of service "${service.id}" ${missing ? "does not exist" : "cannot be read"}: ${service.model}.`,
        hint: "The path is taken from the folder of the job file.",
        location: { element },
      },
    ];
  }
}

async function checkSource(operator: JobSpec["operators"][number]): Promise<Problem[]> {
  if (operator.kind !== "source" || operator.source.connector.kind === "generator") return [];
  if (operator.source.connector.kind === "directory") return checkFolder(operator.id, operator.source.connector);
  const { path } = operator.source.connector;
  const element = `operators.${operator.id}.path`;
  try {
    const found = await stat(path);
    if (found.isDirectory()) return [{ code: "FL1001", message: `The source "${operator.id}" reads a folder: ${path}.`, hint: "Name a file.", location: { element } }];
    if (!(await hasText(path))) return [{ code: "FL1022", message: `The source "${operator.id}" has no records: ${path} is empty.`, hint: "Give it a file with at least one record.", location: { element } }];
    return [];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return [
      {
        code: "FL1001",
        message: code === "ENOENT" ? `The source "${operator.id}" reads a file that does not exist: ${path}.` : `The source "${operator.id}" cannot read ${path} (${code}).`,
        hint: code === "ENOENT" ? "The path is taken from the folder of the job file." : "Check its permissions.",
        location: { element },
      },
    ];
  }
}

async function checkFolder(id: string, { path, suffix }: { readonly path: string; readonly suffix: string | undefined }): Promise<Problem[]> {
  const location = { element: `operators.${id}.path` };
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) {
    const why = found === undefined ? "does not exist" : "is a file";
    return [{ code: "FL1001", message: `The source "${id}" reads a folder that ${why}: ${path}.`, hint: "The path is taken from the folder of the job file.", location }];
  }
  if ((await listDirectory(path, suffix)).length > 0) return [];
  const which = suffix === undefined ? "" : ` that ends with ${suffix}`;
  return [{ code: "FL1022", message: `The source "${id}" has no records: ${path} holds no file${which}.`, hint: "Give it a folder with at least one.", location }];
}

/** Whether anything but white space is in the file; stops at the first chunk that has some. */
async function hasText(path: string): Promise<boolean> {
  for await (const chunk of createReadStream(path, { encoding: "utf8" }) as AsyncIterable<string>) {
    if (chunk.trim() !== "") return true;
  }
  return false;
}

function throwIfAny(problems: readonly Problem[]): void {
  const [first, ...more] = problems;
  if (first !== undefined) throw new FaultlineError(first, more);
}
