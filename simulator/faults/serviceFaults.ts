/** Faults of a model and its device, in a service instance or, under `embedded`, in the task that carries the model. */
import type { FaultContext, FaultDefinition, MachineFacilities } from "./faultDefinition";
import type { FaultParameter } from "./faultParameter";
import { DURATION, PROBABILITY } from "./faultParameter";

const MIB = 1024 ** 2;

const needsAddressSpaceLimit = ({ addressSpaceLimit }: MachineFacilities): string | undefined =>
  addressSpaceLimit ? undefined : "The address space of a running process cannot be limited on this system (prlimit, Linux).";

const LOADS: FaultParameter = { name: "loads", description: "How many loads are hit.", unit: "count", default: 1, minimum: 1, maximum: 1000 };
const RESTART: FaultParameter = {
  name: "restart",
  description: "Whether the process is killed so that it loads its model now; with no, the next load is hit whenever it comes.",
  unit: "text",
  default: "yes",
  values: ["yes", "no"],
};

const perform = {
  inject: (context: FaultContext) => context.perform(),
  heal: (context: FaultContext) => context.endPerforming(),
};
const atLoads = {
  inject: (context: FaultContext) => context.atNextLoads(Number(context.parameters.loads), context.parameters.restart === "yes"),
  heal: (context: FaultContext) => context.forgetLoads(),
};

export const SERVICE_FAULTS: readonly FaultDefinition[] = [
  {
    name: "device-lost",
    title: "Device Lost",
    group: "Service",
    description: "The device goes away under the model: every run fails from now on, and the instance has to be started again.",
    injected: "The model's ONNX Runtime session is taken from under it while it serves; its runs fail with the runtime's own error.",
    healed: "By itself: the instance (under `embedded`, the task's region) is started again and loads the model anew.",
    targets: ["service"],
    parameters: [],
    evidence: "reported",
    inject: perform.inject,
  },
  {
    name: "device-out-of-memory",
    title: "Device Out of Memory",
    group: "Service",
    description: "Every run needs more memory than its device has: the allocation fails, and with it the call.",
    injected:
      "Before each run ONNX Runtime is asked for memory on the model's device, more than there is, and its own allocation fails. On a GPU that is the GPU's memory; a model on the CPU has the host's, so the " +
      "process is given a real limit first (RLIMIT_AS, its present size and the headroom) and the evidence says that it was host memory.",
    healed: "The limit is lifted and nothing more is asked for.",
    targets: ["service"],
    parameters: [
      DURATION,
      { name: "headroom", description: "On the CPU, how much more than now the process may have; four times as much is asked for.", unit: "bytes", default: 256 * MIB, minimum: 32 * MIB, maximum: 64 * 1024 * MIB },
    ],
    evidence: "reported",
    available: needsAddressSpaceLimit,
    ...perform,
  },
  {
    name: "load-failure",
    title: "Load Failure",
    group: "Service",
    description: "The model cannot be loaded, as after a bad upload: the next process that loads it fails.",
    injected: "The loading process is given a damaged copy of the model's file, and ONNX Runtime refuses it.",
    healed: "After so many loads, or when it is healed: the next load gets the model itself.",
    targets: ["service"],
    parameters: [LOADS, RESTART, DURATION],
    evidence: "reported",
    ...atLoads,
  },
  {
    name: "slow-load",
    title: "Slow Load",
    group: "Service",
    description: "The model takes longer to load, as from a cold or distant store.",
    injected: "The load is stretched by a stated delay, which every view shows as such.",
    healed: "After so many loads, or when it is healed.",
    targets: ["service"],
    parameters: [{ name: "delay", description: "How much longer a load takes.", unit: "ms", default: 5_000, minimum: 1, maximum: 3_600_000 }, LOADS, RESTART, DURATION],
    evidence: "reported",
    ...atLoads,
  },
  {
    name: "slow-inference",
    title: "Slow Inference",
    group: "Service",
    description: "Runs of the model take longer, as on a device that is throttled or shared.",
    injected: "Each run waits first, one after the other: the queue before the model grows as it does with a slow device.",
    healed: "Runs wait no more.",
    targets: ["service"],
    parameters: [
      { name: "delay", description: "How much longer a run takes.", unit: "ms", default: 200, minimum: 1, maximum: 600_000 },
      { name: "jitter", description: "The delay is more or less by up to this.", unit: "ms", default: 0, minimum: 0, maximum: 600_000 },
      PROBABILITY,
      DURATION,
    ],
    evidence: "reported",
    ...perform,
  },
  {
    name: "wrong-output",
    title: "Wrong Output",
    group: "Service",
    description: "The model answers, but wrongly: not a number, another shape, or the answer to an earlier request.",
    injected: "The output of a run is changed before it is sent: every float is NaN, the last axis is one shorter, or the rows are those of the first run after the fault began.",
    healed: "Outputs are left as they are.",
    targets: ["service"],
    parameters: [
      { name: "kind", description: "What is wrong with it.", unit: "text", default: "nan", values: ["nan", "shape", "stale"] },
      PROBABILITY,
      DURATION,
    ],
    evidence: "reported",
    ...perform,
  },
];
