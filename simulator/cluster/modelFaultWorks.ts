/** Faults of models, as a process carries them out: on those that it has loaded, and on those that it loads next. */
import { closeSync, mkdirSync, openSync, readSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { FaultOrder } from "../faults/faultDefinition";
import type { ServiceSpec } from "../graph/jobFile";
import type { BatchedModel } from "../inference/batchedModel";
import { MODEL_FAULTS } from "../inference/modelFaults";
import type { FaultWork, FaultWorks } from "./faultPerformer";

/** @param modelsOf those that an order is about; none is a failure of the order. */
export function modelFaultWorks(modelsOf: (order: FaultOrder) => readonly BatchedModel[]): FaultWorks {
  return Object.fromEntries(Object.entries(MODEL_FAULTS).map(([name, fault]): [string, FaultWork] => [name, (order, observer) => {
    const models = modelsOf(order);
    if (models.length === 0) throw new Error("its model is not loaded at the moment.");
    const ends = models.map((model) => fault(model, order.parameters, (evidence) => observer.effective(evidence), (message) => observer.failed(message)));
    return ends.every((end) => end === undefined) ? undefined : () => ends.forEach((end) => end?.());
  }]));
}

export interface FaultyLoad {
  readonly spec: ServiceSpec;
  /** The load went through, after so long. @returns what was seen of each fault. */
  loaded(loadMs: number): readonly LoadEffect[];
  failed(message: string): readonly LoadEffect[];
}

export interface LoadEffect {
  readonly injection: number;
  readonly evidence: string;
}

/** The service as the faults let it be loaded: `undefined` where there are none. */
export function faultyLoad(spec: ServiceSpec, orders: readonly FaultOrder[], runDirectory: string): FaultyLoad | undefined {
  if (orders.length === 0) return undefined;
  const slow = orders.filter(({ fault }) => fault === "slow-load");
  const failing = orders.filter(({ fault }) => fault === "load-failure");
  const delayMs = slow.reduce((sum, { parameters }) => sum + Number(parameters.delay), 0);
  const damaged = (path: string): string => (failing.length === 0 ? path : damagedCopy(path, runDirectory));
  return {
    spec: {
      ...spec,
      loadDelayMs: spec.loadDelayMs + delayMs,
      model: damaged(spec.model),
      models: spec.models.map((model) => ({ ...model, path: damaged(model.path) })),
    },
    loaded: (loadMs) => slow.map(({ injection }) => ({ injection, evidence: `the load took ${Math.round(loadMs)} ms, ${delayMs} ms of them by this fault` })),
    failed: (message) => failing.map(({ injection }) => ({ injection, evidence: `the load failed: ${message}` })),
  };
}

/** The first half of the file, as an upload that broke off leaves it. */
function damagedCopy(path: string, runDirectory: string): string {
  const folder = join(runDirectory, "faults");
  mkdirSync(folder, { recursive: true });
  const copy = join(folder, `damaged-${process.pid}-${basename(path)}`);
  const half = Buffer.alloc(Math.min(64 * 1024 * 1024, Math.floor(statSync(path).size / 2)));
  const file = openSync(path, "r");
  try {
    readSync(file, half);
  } finally {
    closeSync(file);
  }
  writeFileSync(copy, half);
  return copy;
}
