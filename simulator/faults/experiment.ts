/**
 * An experiment (`NAME.experiment.json`): a job, a load, a schedule of faults, and what must stay true. As data, after parsing;
 * durations are milliseconds.
 */
import type { Deployment } from "../graph/jobFile";
import type { ErrorLocation } from "../graph/errors";

export interface Experiment {
  readonly name: string;
  /** Absolute path of the experiment's file. */
  readonly file: string;
  /** Absolute path of the job file; empty where a real Flink runs a program. */
  readonly jobFile: string;
  /** What runs it, when that is a real Flink (`"engine": "flink"`). */
  readonly flink: FlinkExperiment | undefined;
  readonly deployment: Deployment | undefined;
  readonly load: Load;
  /** The job is drained after this time; `undefined`: it runs to its own end. */
  readonly durationMs: number | undefined;
  readonly faults: readonly ScheduledFault[];
  readonly hypothesis: readonly Hypothesis[];
}

/** A program on a real Flink: on a cluster that this program starts, from the distribution that `FLINK_HOME` names, or on one that is there. */
export interface FlinkExperiment {
  readonly program: FlinkProgram;
  readonly parallelism: number | undefined;
  /** Settings of Flink, by name: of the cluster that is started, or of the job where the cluster is there. */
  readonly settings: Readonly<Record<string, string>>;
  readonly cluster: StartedCluster | ClusterThere;
  /** Models that are served beside the cluster. */
  readonly services: readonly FlinkService[];
}

export type FlinkProgram =
  | {
      readonly kind: "jar";
      /** Absolute. */
      readonly path: string;
      readonly entryClass: string | undefined;
      readonly arguments: readonly string[];
    }
  | { readonly kind: "sql"; readonly path: string }
  | {
      readonly kind: "python";
      readonly path: string;
      /** A Python that has apache-flink: a command, or an absolute path. */
      readonly interpreter: string;
      readonly arguments: readonly string[];
    }
  /** A job that runs on the cluster already: id, beginning of one, or name. It goes on afterwards. */
  | { readonly kind: "job"; readonly job: string };

export interface StartedCluster {
  readonly kind: "started";
  readonly taskManagers: number;
  readonly slots: number;
}

export interface ClusterThere {
  readonly kind: "there";
  readonly url: string;
  /** Sent with every request; `${NAME}` in a value is taken from the environment. */
  readonly headers: Readonly<Record<string, string>>;
  /** Absolute paths of PEM files. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

export interface FlinkService {
  /** Name of the model for callers, and of the service in targets and reports. */
  readonly name: string;
  /** Absolute path of the ONNX file. */
  readonly model: string;
  /** `external`: so many instances, that every task can call. `sidecar`: one beside each TaskManager, for its tasks alone. */
  readonly deployment: "external" | "sidecar";
  readonly instances: number;
  /** Argument of the program that their addresses go behind. */
  readonly argument: string | undefined;
  readonly loadDelayMs: number;
}

/** Overrides for every source of the job. */
export interface Load {
  readonly ratePerSecond: number | undefined;
  readonly limit: number | undefined;
}

/** When a fault is injected. Times count from the moment when the job is RUNNING for the first time. */
export type FaultTrigger =
  | { readonly kind: "after"; readonly delayMs: number }
  /** Once sinks and operators behind the sources have seen this many records. */
  | { readonly kind: "record"; readonly record: number }
  | { readonly kind: "checkpoint"; readonly checkpoint: number }
  /** When an event of the journal has this kind and these values. */
  | { readonly kind: "event"; readonly event: string; readonly where: Readonly<Record<string, string | number | boolean>> }
  /** `count` times, after pauses of `meanMs` on average (exponentially distributed), from a seed. */
  | { readonly kind: "random"; readonly count: number; readonly meanMs: number; readonly seed: number };

export interface ScheduledFault {
  readonly fault: string;
  readonly target: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly trigger: FaultTrigger;
  /** On a cluster that is there: what the person breaks it with, for the system's shell. */
  readonly command?: string;
  /** What heals it again, after the fault's duration or at the end. */
  readonly heal?: string;
  readonly location: ErrorLocation | undefined;
}

/** What can be asked of a run; each is one number (or the job's state). */
export const PROBES = {
  recordsLost: "Records of the sources that no sink committed.",
  recordsDuplicated: "Records that a sink committed more than once.",
  streamTasksRestarted: "Stream tasks that restarted, each once for every fault that restarted it.",
  instancesRestarted: "Service instances that restarted, each once for every fault.",
  callsFailed: "Calls to services that failed for good.",
  callsRetried: "Calls to services that were made again.",
  recordsReplayed: "Records that sources emitted again.",
  throughputPerSecond: "Records that sinks committed, per second of running.",
  p99Ms: "99th percentile of the latency of calls to services, ms.",
  detectionMs: "Longest time from a fault to its being noticed, ms.",
  recoveryMs: "Longest time from a fault until everything that restarted ran again, ms; 0 for one that was healed and restarted nothing.",
  checkpointsCompleted: "Checkpoints completed.",
  checkpointsFailed: "Checkpoints that failed.",
  modelsLoaded: "Loads of a model, the first ones included.",
  peakMemoryBytes: "Most memory that any process of the run had resident, bytes.",
  lowestThroughput: "Lowest throughput of any second, records a second.",
  highestP99Ms: "Highest 99th percentile of the latency of calls in any second, ms.",
  commandExit: "Exit code of a command of your own, run in the folder of the run (FAULTLINE_RUN names it).",
} as const;

export type Probe = keyof typeof PROBES;

/** When a probe looks: before the first fault (a gate: without it no fault is injected), from then until all has recovered, after that, or all the time. */
export const WINDOWS = {
  before: "Before the first fault. Where it does not hold, no fault is injected and the experiment has failed.",
  during: "From the first fault until everything runs again.",
  after: "From when everything runs again until the end.",
  run: "All the time that the job runs.",
} as const;

export type Window = keyof typeof WINDOWS;

/** Probes that can look at a part of the run. */
export const WINDOWED: ReadonlySet<Probe> = new Set<Probe>(["lowestThroughput", "highestP99Ms", "throughputPerSecond", "p99Ms"]);
/** Probes that can be asked of some tasks, instances or processes alone. */
export const SELECTIVE: ReadonlySet<Probe> = new Set<Probe>(["streamTasksRestarted", "instancesRestarted", "peakMemoryBytes"]);

/** One thing that must be true of a run. */
export interface Hypothesis {
  readonly name: string;
  readonly probe: Probe;
  readonly equals: number | undefined;
  readonly atMost: number | undefined;
  readonly atLeast: number | undefined;
  /** Which tasks (`classify#*`), instances (`langid#0`) or processes (`taskmanager:*`) it is about; all when absent. */
  readonly of: string | undefined;
  readonly during: Window;
  /** For `commandExit`. */
  readonly command: string | undefined;
  /** Whether the run without faults has to satisfy it too. */
  readonly inControl: boolean;
  /** It is there to be broken by the faults: then the experiment has gone as it should, though not all has held. */
  readonly mustFail: boolean;
  readonly location: ErrorLocation | undefined;
}
