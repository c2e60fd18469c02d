/**
 * The body of a service instance's process: loads the model, warms it up, serves it, drains.
 *
 * Phases: LOADING (from the start of the process's work; a stated extra delay included) → WARMING → READY → SERVING (its first answer
 * has gone out) → DRAINING.
 */
import { availableParallelism } from "node:os";
import { performance } from "node:perf_hooks";
import { FaultlineError } from "../graph/errors";
import type { ServiceSpec } from "../graph/jobFile";
import { formatMemorySize } from "../graph/memorySize";
import type { Cause, InstanceMetrics, InstancePhase } from "../observe/journalEvent";
import type { BatchedModel } from "./batchedModel";
import { deviceCandidates } from "./device";
import { DeviceUse } from "./deviceUse";
import { autoAccelerators } from "./doctorDevices";
import { DEFAULT_MAX_MESSAGE_BYTES, DEFAULT_MAX_TENSOR_BYTES, InferenceServer } from "./inferenceServer";
import { LoadedModels, takeMetricsOf } from "./loadedModels";
import type { Runnable } from "./modelSession";

export interface PhaseReport {
  readonly phase: InstancePhase;
  /** From WARMING on. */
  readonly device?: string;
  /** From READY on: `127.0.0.1:PORT`. */
  readonly address?: string;
  readonly previousPhaseMs?: number;
  readonly loadDelayMs?: number;
  /** With WARMING: devices that `auto` would have preferred, and why each was not taken. */
  readonly failedDevices?: readonly { readonly device: string; readonly error: string }[];
}

export interface ServiceInstanceOptions {
  readonly spec: ServiceSpec;
  /** 0-based index of the instance in its service: spreads instances over GPUs. */
  readonly instance: number;
  readonly attempt: number;
  readonly token: string | undefined;
  /** 0 or absent for any free port. */
  readonly port?: number;
  readonly onPhase: (report: PhaseReport) => void;
  /** For a service of code, which is run instead of models. */
  readonly openCode?: () => Promise<Runnable>;
  /** The device is gone: the instance cannot answer any more. */
  readonly onDeviceLost?: (error: FaultlineError) => void;
}

export interface ServiceInstance {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  readonly device: string;
  /** Takes no more calls; resolves when those taken are answered. */
  drain(): Promise<void>;
  close(): Promise<void>;
  takeMetrics(): InstanceMetrics;
  readonly models: readonly BatchedModel[];
}

/** Resolves when the instance is READY. Rejects with FL3001 to FL3006, FL3009 or FL3010 when it cannot be; everything is closed then. */
export async function runServiceInstance(options: ServiceInstanceOptions): Promise<ServiceInstance> {
  const { spec, onPhase } = options;
  let phaseStartedMs = performance.now();
  const enter = (phase: InstancePhase, more: Omit<PhaseReport, "phase" | "previousPhaseMs"> = {}) => {
    const nowMs = performance.now();
    onPhase({ phase, ...(phase === "LOADING" ? {} : { previousPhaseMs: nowMs - phaseStartedMs }), ...more });
    phaseStartedMs = nowMs;
  };
  const delayed = spec.loadDelayMs > 0 ? { loadDelayMs: spec.loadDelayMs } : {};
  enter("LOADING", delayed);

  const { openCode } = options;
  const opening = openCode === undefined ? loadModels(spec, options.instance) : LoadedModels.ofCode(spec, openCode);
  // Watched from now on: its failure must not count as unhandled while the port is being opened.
  opening.catch(() => undefined);

  let device = "";
  let address = "";
  const server = new InferenceServer({
    service: spec.id,
    port: options.port ?? 0,
    token: options.token,
    maxMessageBytes: DEFAULT_MAX_MESSAGE_BYTES,
    maxTensorBytes: DEFAULT_MAX_TENSOR_BYTES,
    onFirstAnswer: () => enter("SERVING", { device, address }),
  });
  let loaded: LoadedModels;
  try {
    address = `127.0.0.1:${await server.listen()}`;
    loaded = await opening;
    device = loaded.device;
    if (spec.loadDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, spec.loadDelayMs));
    enter("WARMING", { device, failedDevices: loaded.failedDevices, ...delayed });
    await loaded.warmUp(spec);
  } catch (error) {
    server.close();
    await opening.then((opened) => opened.close()).catch(() => undefined);
    throw withMemoryLimit(error, spec);
  }
  const models = loaded.serve(spec, options.onDeviceLost);
  for (const model of models) server.addModel(model);
  server.setReady();
  enter("READY", { device, address });
  const use = DeviceUse.watch(device);
  return {
    address,
    device,
    models: models.map(({ model }) => model),
    drain: async () => {
      enter("DRAINING", { device, address });
      await server.drain();
    },
    close: async () => {
      use.close();
      server.close();
      await Promise.all(models.map(({ model }) => model.close()));
    },
    takeMetrics: () => ({ attempt: options.attempt, ...takeMetricsOf(models), ...use.latest }),
  };
}

async function loadModels(spec: ServiceSpec, instance: number): Promise<LoadedModels> {
  const accelerators = spec.device === "auto" ? await autoAccelerators() : [];
  return LoadedModels.load(spec, deviceCandidates(spec.device, instance, accelerators), intraOpThreads(spec));
}

/** Out of memory under a limit of the job file: says so. */
function withMemoryLimit(error: unknown, { memoryLimitBytes }: ServiceSpec): unknown {
  if (memoryLimitBytes === undefined || !(error instanceof FaultlineError) || error.code !== "FL3006") return error;
  return FaultlineError.of(
    "FL3006",
    `${error.message} The job file lets an instance allocate ${formatMemorySize(memoryLimitBytes)}.`,
    "Raise memoryLimit of the service, or take a smaller model.",
  );
}

/** An error as the journal carries it. */
export function causeOf(error: unknown): Cause {
  if (error instanceof FaultlineError) {
    return { code: error.code, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
  }
  return { code: "FL3008", message: error instanceof Error ? error.message : String(error) };
}

/** Instances share the cores; each gets at least one. */
function intraOpThreads(spec: ServiceSpec): number {
  return Math.max(1, Math.floor(availableParallelism() / Math.max(1, spec.parallelism)));
}
