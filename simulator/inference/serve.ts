/** `faultline serve`: one service instance alone, for `deployment: external` and for other clients of the Open Inference Protocol. */
import { randomBytes } from "node:crypto";
import { basename, extname, resolve } from "node:path";
import { FaultlineError } from "../graph/errors";
import type { ServiceSpec } from "../graph/jobFile";
import { runServiceInstance, type PhaseReport, type ServiceInstance } from "./serviceInstance";

export interface ServeOptions {
  /** Path of the ONNX file, relative to the working directory. */
  readonly model: string;
  /** Any free port when absent. */
  readonly port?: number;
  /** `auto` when absent. */
  readonly device?: string;
  /** Name of the model for callers; the file's name without its extension when absent. */
  readonly name?: string;
  /** Whether callers must show a token; a new one is made for each start. */
  readonly token: boolean;
  readonly maxBatchSize?: number;
  readonly maxDelayMs?: number;
  readonly onPhase?: (report: PhaseReport) => void;
}

export interface ServedModel {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  readonly model: string;
  readonly token: string | undefined;
  readonly device: string;
  readonly instance: ServiceInstance;
  /** Answers what was taken, then lets go of everything. */
  stop(): Promise<void>;
}

/** Resolves when the model can be called. Rejects with FL3001 to FL3006 (see `runServiceInstance`) or FL1000. */
export async function serveModel(options: ServeOptions): Promise<ServedModel> {
  const path = resolve(options.model);
  const model = options.name ?? basename(path, extname(path));
  if (options.port !== undefined && !(Number.isInteger(options.port) && options.port >= 0 && options.port <= 65535)) {
    throw FaultlineError.of(
      "FL1000",
      `${options.port} is not a port.`,
      "Ports are whole numbers from 0 (any free one) to 65535.",
    );
  }
  const token = options.token ? randomBytes(24).toString("base64url") : undefined;
  const instance = await runServiceInstance({
    spec: standaloneSpec(model, path, options),
    instance: 0,
    attempt: 0,
    token,
    port: options.port ?? 0,
    onPhase: options.onPhase ?? (() => undefined),
  });
  return {
    address: instance.address,
    model,
    token,
    device: instance.device,
    instance,
    stop: async () => {
      await instance.drain();
      await instance.close();
    },
  };
}

function standaloneSpec(id: string, model: string, options: ServeOptions): ServiceSpec {
  return {
    id,
    model,
    models: [{ name: id, path: model }],
    parallelism: 1,
    deployment: "external",
    device: options.device ?? "auto",
    batching: { maxSize: options.maxBatchSize ?? 32, maxDelayMs: options.maxDelayMs ?? 1 },
    queue: { maxLength: 1000, maxWaitMs: 10_000 },
    loadDelayMs: 0,
    warmupRuns: 2,
    balancing: "round-robin",
    retry: { maxAttempts: 1, initialBackoffMs: 100, maxBackoffMs: 1000 },
    hedging: undefined,
    outlierEjection: undefined,
    transport: "streams",
    resultCacheBytes: 0,
    memoryLimitBytes: undefined,
    autoscaler: undefined,
    restartStrategy: { type: "none" },
    addresses: [],
    token: undefined,
    slotSharingGroup: id,
    calls: [],
  };
}
