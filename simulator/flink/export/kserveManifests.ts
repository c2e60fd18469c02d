/** KServe manifests of a job's services: an InferenceService each, on the Triton runtime, with its model repository beside it. */
import { FaultlineError } from "../../graph/errors";
import type { JobSpec, ServiceSpec } from "../../graph/jobFile";
import { slugOf, type ExportedFile, type ExportedProject } from "./exportedFile";
import { tritonFiles, type ExportedModel } from "./tritonRepository";

const HOST = "STORAGE"; // marked in the README; where models lie is the person's to say

/** @throws FaultlineError FL5020 when two names become one in Kubernetes */
export function kserveManifests(job: JobSpec, models: readonly ExportedModel[]): ExportedProject {
  const notes: string[] = [
    `Put model-repository/SERVICE where your cluster reads models from, and write its place for ${HOST} in each manifest.`,
  ];
  const files: ExportedFile[] = [];
  const names = new Map<string, string>();
  for (const service of new Set(models.map((model) => model.service))) {
    const other = names.get(slugOf(service.id));
    if (other !== undefined) {
      throw FaultlineError.of(
        "FL5020",
        `The services "${other}" and "${service.id}" would both be called "${slugOf(service.id)}" in Kubernetes.`,
        "Give one of them another id.",
      );
    }
    names.set(slugOf(service.id), service.id);
    const own = models.filter((model) => model.service === service);
    // One instance for each replica: replicas are what KServe scales and starts again.
    const repository = tritonFiles(
      own.map((model) => ({ ...model, service: { ...service, parallelism: 1 } })),
      `model-repository/${slugOf(service.id)}/`,
    );
    files.push({ path: `${slugOf(service.id)}.inference-service.yaml`, text: manifest(service) }, ...repository.files);
    notes.push(...repository.notes);
  }
  files.push({ path: "README.md", text: readme(job) });
  return { files, notes };
}

function manifest(service: ServiceSpec): string {
  const name = slugOf(service.id);
  const gpu = /^(cuda|tensorrt)/.test(service.device);
  const { autoscaler } = service;
  const [least, most] =
    autoscaler === undefined ? [service.parallelism, service.parallelism] : [autoscaler.min, autoscaler.max];
  return `apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: ${name}
  annotations:
    serving.kserve.io/deploymentMode: RawDeployment
spec:
  predictor:
    minReplicas: ${least}
    maxReplicas: ${most}
    model:
      modelFormat:
        name: triton
      protocolVersion: v2
      runtime: kserve-tritonserver
      # Where model-repository/${name} lies: s3://…, gs://…, pvc://…
      storageUri: ${HOST}/model-repository/${name}
      ports:
        - name: h2c
          protocol: TCP
          containerPort: 9000
      resources:
        limits:
          cpu: "2"
          memory: 4Gi${gpu ? '\n          nvidia.com/gpu: "1"' : ""}
`;
}

function readme(job: JobSpec): string {
  return `# Services of ${job.name.replace(/[\r\n]/g, " ")} for KServe

Written by \`faultline export\`. Each service of the job file is an InferenceService with as many replicas as it has instances.

1. Upload \`model-repository/\` to where your cluster reads models from, and write that place for \`${HOST}\` in the manifests.
2. \`kubectl apply -f .\`
3. The job calls the services by gRPC (Open Inference Protocol v2): \`SERVICE-predictor.NAMESPACE:80\` inside the cluster, as \`addresses\` of a service with
   \`"deployment": "external"\`, or as \`--SERVICE.addresses\` of the exported Flink project.

Memory and processors are a start, not a measure: watch what your models take.
`;
}
