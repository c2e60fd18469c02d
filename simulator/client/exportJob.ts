/** Writes a job for what carries it beyond this machine: a project for Flink, a model repository for Triton, manifests for KServe. */
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { flinkProject } from "../flink/export/flinkProject";
import type { CalledModel } from "../flink/export/flinkProgram";
import type { ExportedProject } from "../flink/export/exportedFile";
import { kserveManifests } from "../flink/export/kserveManifests";
import { tritonRepository, type ExportedModel } from "../flink/export/tritonRepository";
import { FaultlineError } from "../graph/errors";
import type { JobSpec } from "../graph/jobFile";
import { recordShape } from "../inference/modelSignature";
import { onnxSignature } from "../inference/onnxSignature";
import { protoFilePath } from "../proto/protoFiles";
import { loadJobFile } from "./jobFileLoading";

export const EXPORT_TARGETS = ["flink", "triton", "kserve"] as const;
export type ExportTarget = (typeof EXPORT_TARGETS)[number];

export interface ExportOptions {
  readonly jobFile: string;
  readonly target: ExportTarget;
  readonly directory: string;
  /** Write into a folder that is not empty; files of the same names are replaced, others stay. */
  readonly force: boolean;
  readonly flinkVersion?: string;
}

export interface ExportResult {
  readonly directory: string;
  /** Paths below it. */
  readonly files: readonly string[];
  readonly notes: readonly string[];
}

/** @throws FaultlineError FL1xxx, FL2001 when the folder cannot be written or is not empty, FL3001, FL3002, FL5020 */
export async function exportJob(options: ExportOptions): Promise<ExportResult> {
  const job = await loadJobFile(options.jobFile);
  const project = await projectOf(job, options);
  const directory = resolve(options.directory);
  await checkFolder(directory, options.force);
  try {
    for (const file of project.files) {
      const path = join(directory, file.path);
      await mkdir(dirname(path), { recursive: true });
      if ("text" in file) await writeFile(path, file.text);
      else {
        await rm(path, { force: true });
        await copyFile(file.copyOf, path);
      }
    }
  } catch (error) {
    throw FaultlineError.of(
      "FL2001",
      `The folder cannot be written: ${(error as Error).message}.`,
      "Choose another folder.",
      { file: directory },
      error,
    );
  }
  return { directory, files: project.files.map(({ path }) => path), notes: project.notes };
}

async function projectOf(job: JobSpec, { target, flinkVersion }: ExportOptions): Promise<ExportedProject> {
  const models = (await Promise.all(job.services.map((service) => modelsOf(service, target !== "flink")))).flat();
  if (target === "flink") {
    const called = new Map<string, CalledModel>();
    for (const { service, name, batched } of models)
      if (!called.has(service.id)) called.set(service.id, { name, batched });
    const proto = await readFile(protoFilePath("open_inference_grpc.proto"), "utf8");
    return flinkProject(job, { models: called, proto, ...(flinkVersion === undefined ? {} : { flinkVersion }) });
  }
  if (models.length === 0) {
    throw FaultlineError.of(
      "FL5020",
      `The job "${job.name}" has no services.`,
      "Only models of services can be served elsewhere.",
      { file: job.file },
    );
  }
  return target === "triton" ? tritonRepository(job, models) : kserveManifests(job, models);
}

/** An external service's models lie elsewhere; the job still has to know what it calls. */
async function modelsOf(service: JobSpec["services"][number], needed: boolean): Promise<readonly ExportedModel[]> {
  if (service.function !== undefined && service.deployment !== "external") {
    throw FaultlineError.of(
      "FL5020",
      `The service "${service.id}" runs code, which only Faultline runs as a service.`,
      "Move its code into an operator, or serve it elsewhere and make it external.",
      { file: service.function.module, element: `services.${service.id}.function` },
    );
  }
  const named =
    service.models.length > 0
      ? service.models
      : [{ name: basename(service.model, extname(service.model)), path: service.model }];
  return Promise.all(
    named.map(async ({ name, path }): Promise<ExportedModel> => {
      const unnamed = name === "" ? service.id : name;
      let bytes: Buffer;
      try {
        bytes = await readFile(path);
      } catch (error) {
        if (!needed && service.deployment === "external")
          return { service, name: unnamed, path, batched: true, inputs: [], outputs: [] };
        throw FaultlineError.of(
          "FL3001",
          `The model of service "${service.id}" cannot be read: ${path}.`,
          "Check the path.",
          { file: service.model },
          error,
        );
      }
      const signature = onnxSignature(bytes, path);
      const value = (one: (typeof signature.inputs)[number]) => ({
        name: one.name,
        type: one.type,
        shape: recordShape(signature, one),
      });
      return {
        service,
        name: unnamed,
        path,
        batched: signature.batchAxis.kind !== "none",
        inputs: signature.inputs.map(value),
        outputs: signature.outputs.map(value),
      };
    }),
  );
}

async function checkFolder(directory: string, force: boolean): Promise<void> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw FaultlineError.of(
      "FL2001",
      error.code === "ENOTDIR" ? "This is a file, not a folder." : `The folder cannot be read: ${error.message}.`,
      "Choose another folder.",
      { file: directory },
      error,
    );
  });
  if (names.length > 0 && !force) {
    throw FaultlineError.of(
      "FL2001",
      "The folder is not empty.",
      "Choose another one, or add --force to write into it.",
      { file: directory },
    );
  }
}
