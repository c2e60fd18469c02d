/** A Triton model repository of a job's services: the same models, batching, queue limits and instances. */
import type { TensorType } from "../../core/tensor";
import { FaultlineError } from "../../graph/errors";
import type { JobSpec, ServiceSpec } from "../../graph/jobFile";
import type { ExportedFile, ExportedProject } from "./exportedFile";

export interface ExportedValue {
  readonly name: string;
  readonly type: TensorType;
  /** −1 for a size that is known only when the model runs. Without the batch axis where the model has one. */
  readonly shape: readonly number[];
}

export interface ExportedModel {
  readonly service: ServiceSpec;
  readonly name: string;
  /** Absolute path of the ONNX file. */
  readonly path: string;
  readonly batched: boolean;
  readonly inputs: readonly ExportedValue[];
  readonly outputs: readonly ExportedValue[];
}

const TRITON_TYPES: Readonly<Record<TensorType, string>> = {
  BOOL: "TYPE_BOOL",
  UINT8: "TYPE_UINT8",
  UINT16: "TYPE_UINT16",
  UINT32: "TYPE_UINT32",
  UINT64: "TYPE_UINT64",
  INT8: "TYPE_INT8",
  INT16: "TYPE_INT16",
  INT32: "TYPE_INT32",
  INT64: "TYPE_INT64",
  FP16: "TYPE_FP16",
  FP32: "TYPE_FP32",
  FP64: "TYPE_FP64",
  BYTES: "TYPE_STRING",
};

/** `NAME/config.pbtxt` and `NAME/1/model.onnx` for each model, below `folder`. @throws FaultlineError FL5020 when two models, or two ways to serve one, have one name */
export function tritonFiles(
  models: readonly ExportedModel[],
  folder = "",
): { readonly files: readonly ExportedFile[]; readonly notes: readonly string[] } {
  const notes: string[] = [];
  const known = new Map<string, { readonly model: ExportedModel; readonly text: string }>();
  const files = models.flatMap((model): ExportedFile[] => {
    const text = config(model, notes);
    const other = known.get(model.name);
    if (other !== undefined && other.model.path !== model.path) {
      throw FaultlineError.of(
        "FL5020",
        `Two models are called "${model.name}".`,
        "Give them names of their own: a Triton model repository holds one of each name.",
      );
    }
    if (other !== undefined && other.text !== text) {
      throw FaultlineError.of(
        "FL5020",
        `The model "${model.name}" is served by "${other.model.service.id}" and by "${model.service.id}", each in its own way (batching, queue or instances).`,
        "Write the same for both, or give it another name in one of them: a Triton model repository holds one of each name.",
      );
    }
    if (other !== undefined) return [];
    known.set(model.name, { model, text });
    return [
      { path: `${folder}${model.name}/config.pbtxt`, text },
      { path: `${folder}${model.name}/1/model.onnx`, copyOf: model.path },
    ];
  });
  return { files, notes };
}

export function tritonRepository(job: JobSpec, models: readonly ExportedModel[]): ExportedProject {
  const { files, notes } = tritonFiles(models);
  const served = [...new Set(models.map(({ service }) => service.id))].map((id) => {
    const names = models.filter(({ service }) => service.id === id).map(({ name }) => name);
    return `- service ${id}: ${names.length === 1 ? "model" : "models"} ${names.join(", ")}`;
  });
  const readme = `# Models of ${job.name.replace(/[\r\n]/g, " ")} for Triton

Written by \`faultline export\`: batching, queue limits, instances and warm-up are those of the job file.

\`\`\`
docker run --rm -p 127.0.0.1:8001:8001 -v "$PWD":/models nvcr.io/nvidia/tritonserver:VERSION-py3 tritonserver --model-repository=/models
\`\`\`

Triton listens for gRPC on port 8001. In the job file, a service with \`"deployment": "external"\` and \`"addresses": ["127.0.0.1:8001"]\` calls it; the exported Flink project takes
\`--SERVICE.addresses\` and \`--SERVICE.model\`.

${served.join("\n")}
`;
  return { files: [...files, { path: "README.md", text: readme }], notes };
}

function config(model: ExportedModel, notes: string[]): string {
  const { service, name, batched } = model;
  const { batching, queue } = service;
  const lines = [
    `name: ${quoted(name)}`,
    'platform: "onnxruntime_onnx"',
    `max_batch_size: ${batched ? batching.maxSize : 0}`,
    ...model.inputs.map((value) => tensor("input", value)),
    ...model.outputs.map((value) => tensor("output", value)),
    `instance_group [\n  {\n    count: ${service.parallelism}\n    ${device(service, notes)}\n  }\n]`,
  ];
  if (batched) {
    lines.push(
      `dynamic_batching {
  max_queue_delay_microseconds: ${Math.round(batching.maxDelayMs * 1000)}
  default_queue_policy {
    timeout_action: REJECT
    default_timeout_microseconds: ${Math.round(queue.maxWaitMs * 1000)}
    max_queue_size: ${queue.maxLength}
  }
}`,
    );
  } else notes.push(`"${name}" has no batch axis: Triton runs it a request at a time, as Faultline does.`);
  if (service.device === "tensorrt")
    lines.push(
      'optimization {\n  execution_accelerators {\n    gpu_execution_accelerator [ { name: "tensorrt" } ]\n  }\n}',
    );
  if (service.warmupRuns > 0) {
    if (model.inputs.every(({ shape }) => shape.every((size) => size > 0))) lines.push(warmUp(model));
    else notes.push(`"${name}" has inputs of any size; its warm-up was left out, write one for the sizes you use.`);
  }
  if (service.loadDelayMs > 0) notes.push(`The extra load delay of "${service.id}" was left out: Triton has none.`);
  return `${lines.join("\n")}\n`;
}

function tensor(kind: "input" | "output", { name, type, shape }: ExportedValue): string {
  return `${kind} [\n  {\n    name: ${quoted(name)}\n    data_type: ${TRITON_TYPES[type]}\n    dims: [ ${shape.length === 0 ? "1" : shape.join(", ")} ]${shape.length === 0 ? "\n    reshape: { shape: [ ] }" : ""}\n  }\n]`;
}

function device({ device: name, id }: ServiceSpec, notes: string[]): string {
  const cuda = /^(?:cuda|tensorrt)(?::(\d+))?$/.exec(name);
  if (cuda !== null) return `kind: KIND_GPU${cuda[1] === undefined ? "" : `\n    gpus: [ ${cuda[1]} ]`}`;
  if (name === "cpu") return "kind: KIND_CPU";
  if (name !== "auto") notes.push(`Triton has no device ${name}; it chooses one for "${id}" by itself.`);
  return "kind: KIND_AUTO";
}

function warmUp({ service, inputs, batched }: ExportedModel): string {
  const values = inputs.map(
    ({ name, type, shape }) =>
      `    inputs {\n      key: ${quoted(name)}\n      value: {\n        data_type: ${TRITON_TYPES[type]}\n        dims: [ ${shape.join(", ")} ]\n        zero_data: true\n      }\n    }`,
  );
  return `model_warmup [\n  {\n    name: "warm-up"\n    batch_size: ${batched ? 1 : 0}\n    count: ${service.warmupRuns}\n${values.join("\n")}\n  }\n]`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
