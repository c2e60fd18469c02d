/**
 * The report of a run as JSON: what `run`, `report`, `experiment` and `compare` print. The field names are a contract: fields may be
 * added, none changes its meaning. `docs/report.md` says how each number is counted.
 *
 * `null` stands for what cannot be told: nothing was there to count, or the run was too short.
 */
import type { InstancePhase, LossEvidence } from "./journalEvent";
import type { JobState } from "../graph/executionState";
import type { VertexFigures } from "./vertexLoad";

export interface RunReport {
  readonly run: RunSummary;
  readonly records: RecordsReport;
  readonly rpc: RpcReport;
  /** What the instances of each service did. */
  readonly services: readonly ServiceFigures[];
  /** How busy each vertex of the data plane was, in the order of the graph. */
  readonly vertices: readonly VertexFigures[];
  readonly checkpoints: CheckpointsReport;
  /** One entry for each injected fault and for each failure that no fault caused; in the order of time. */
  readonly failures: readonly FailureReport[];
  /** Faults whose effect was seen from outside. */
  readonly injected: number;
  /** Commands to inject that failed, with the reason. */
  /** Failovers of a real Flink held against the scope that was predicted; absent for runs of our own. */
  readonly predictions?: PredictionsReport;
  readonly injectionsFailed: readonly { readonly fault: string; readonly target: string; readonly reason: string }[];
}

export interface PredictionsReport {
  readonly failovers: number;
  /** Restarted exactly what was predicted. */
  readonly agreed: number;
  readonly compared: readonly {
    readonly failover: number;
    readonly atMs: number;
    readonly agrees: boolean;
    readonly failed: readonly string[];
    readonly lostProcesses: readonly string[];
    readonly predicted: number;
    readonly actual: number;
    /** Predicted, but not restarted. */
    readonly missing: readonly string[];
    /** Restarted, but not predicted. */
    readonly unexpected: readonly string[];
    readonly evidence: readonly string[];
  }[];
}

export interface RunSummary {
  readonly id: string;
  readonly job: string;
  /** The state now, for a run that goes on; `CRASHED` when the journal stops in mid-run and nobody writes it any more. */
  readonly state: JobState | "CRASHED";
  readonly deployment: string;
  /** Devices that the service instances ran on, each once. */
  readonly devices: readonly string[];
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly directory: string;
  readonly engine: "local" | "virtual" | "flink";
  readonly failoverStrategy: "region" | "full";
  readonly scheduler: "default" | "adaptive";
  readonly seed?: number;
  /** From the start of the run to the first record that a sink received. */
  readonly firstRecordAfterMs: number | null;
  /** Names of vertices whose ids say nothing to people (a real Flink's), by id. */
  readonly vertexNames?: Readonly<Record<string, string>>;
  readonly streamTasks: number;
  readonly serviceInstances: number;
  /** Why the job failed. */
  readonly cause?: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
    readonly detail?: string;
  };
  /** Extra delay added to each load of a model, where one was. */
  readonly loadDelayMs?: number;
}

export interface RecordsReport {
  /** Records that the sources hold, cut where a run that did not finish had come. */
  readonly in: number | null;
  /** Records that the verified sinks committed. */
  readonly out: number | null;
  readonly expected: number | null;
  readonly lost: number | null;
  readonly duplicated: number | null;
  /** Records that sinks committed, per second from the job's first RUNNING to its end. */
  readonly perSecond: number | null;
  readonly sinks: readonly SinkVerification[];
}

/**
 * How one sink was held against its sources. `identity`: record by record by the value of a field. `count`: by number. `window-count`: by the
 * sum of the counts that the windows gave. `none`: it cannot be told, and `note` says why.
 */
export interface SinkVerification {
  readonly sink: string;
  readonly method: "identity" | "count" | "window-count" | "none";
  readonly expected: number;
  readonly committed: number;
  readonly lost: number;
  readonly duplicated: number;
  /** Missing at the sink but not lost: the last checkpoint of a run that did not finish holds them. */
  readonly held?: number;
  readonly note?: string;
  /** Some of the ids that were lost or duplicated, for looking them up. */
  readonly examples?: { readonly lost: readonly string[]; readonly duplicated: readonly string[] };
}

/** What counting the sinks against the sources gave. */
export interface OutputVerification {
  readonly in: number;
  readonly out: number;
  readonly expected: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly sinks: readonly SinkVerification[];
}

export interface RpcReport {
  readonly requests: number;
  readonly succeeded: number;
  readonly retried: number;
  readonly failed: number;
  /** Of those that failed: their time was over. */
  readonly expired: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** Device time spent on requests that nobody waited for any more. */
  readonly wastedMs: number;
  /** Copies of calls that took long, sent to a second instance. */
  readonly hedged: number;
  /** Calls answered from a result cache, and the device time that they would have cost at the mean of what ran. */
  readonly cacheHits: number;
  readonly savedMs: number;
}

export interface ServiceFigures {
  readonly service: string;
  readonly hedged: number;
  readonly cacheHits: number;
  /** Of the calls made; `null` without hits. */
  readonly cacheHitRate: number | null;
  readonly savedMs: number;
  readonly instances: readonly InstanceFigures[];
}

/** Over the whole run, all attempts of the instance together; phases are those of the latest. */
export interface InstanceFigures {
  readonly instance: string;
  readonly attempt: number;
  readonly device: string | null;
  /** Three phases of a start, apart: loading (with a stated load delay), warm-up, and from READY to the first answer. */
  readonly loadMs: number | null;
  readonly warmUpMs: number | null;
  readonly firstCallAfterMs: number | null;
  readonly requests: number;
  readonly rejected: number;
  /** Of those rejected: their deadline had passed before they could cost device time. */
  readonly expired: number;
  /** Calls that clients issued again elsewhere. */
  readonly retriedElsewhere: number;
  /** Batch size → how many batches. */
  readonly batchSizes: Readonly<Record<number, number>>;
  /** In the instance, from a request's arrival to its answer. */
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxQueueDepth: number;
  readonly maxInFlight: number;
  /** Time that its model ran, and the share of the time observed. */
  readonly busyMs: number;
  readonly busyShare: number | null;
  readonly wastedMs: number;
  readonly peakRssBytes: number | null;
  /** Mean, 0 to 1; `null` where the device does not tell. */
  readonly deviceUtilisation: number | null;
  /** Most that was in use on the device; `null` where it does not tell. */
  readonly deviceMemoryBytes: number | null;
}

export interface CheckpointsReport {
  readonly completed: number;
  readonly failed: number;
  /** Found unreadable at a restore, which went back behind them. */
  readonly damaged: readonly number[];
  readonly p50Ms: number | null;
  readonly maxMs: number | null;
  /** Longest that a task waited for the barriers of all its channels. */
  readonly maxAlignmentMs: number | null;
  readonly lastBytes: number | null;
}

export interface FailureReport {
  /** Name in the catalogue of faults; for a failure that no fault caused, the code of its cause, or `none`. */
  readonly fault: string;
  readonly target: string;
  /** From the run's start. For a failure that no fault caused: when it was noticed. */
  readonly injectedAtMs: number;
  /** From the injection to the first `process.lost` or `failure` that it caused. */
  readonly detectedAfterMs: number | null;
  /** From the injection until every restarted task and instance ran again and every instance was back among the endpoints. */
  readonly recoveredAfterMs: number | null;
  readonly restartedTasks: readonly string[];
  readonly restartedInstances: readonly string[];
  /** Live stream tasks that did not restart. */
  readonly untouchedTasks: number;
  /** Live service instances that did not restart. */
  readonly untouchedInstances: number;
  readonly recordsReplayed: number;
  readonly requestsRetried: number;
  /** `null` where it cannot be told. */
  readonly dip: DipReport | null;

  /** Injected faults only: whether the effect was seen from outside, and what was seen. */
  readonly effective: boolean;
  readonly effect?: string;
  readonly healedAfterMs: number | null;
  /** What it was noticed by. */
  readonly detectedBy: DetectionEvidence | null;
  /** What went wrong as the run saw it. */
  readonly cause?: { readonly code: string; readonly message: string };
  /** By name: live stream tasks and instances that did not restart. */
  readonly untouched: readonly string[];
  /** Regions that restarted. */
  readonly regions: readonly string[];
  readonly restoredCheckpoint: number | null;
  /** Newer ones that could not be read, so that the restore went back behind them. */
  readonly damagedCheckpoints: readonly number[];
  /** What happened and when, in order; ms from the injection. */
  readonly phases: readonly PhaseMark[];
  readonly instances: readonly InstanceRecovery[];
  readonly tasks: readonly {
    readonly task: string;
    readonly attempt: number;
    readonly runningAfterMs: number | null;
  }[];
  /** The slowest of the restarted instances until its first answer, from the injection. */
  readonly servedAgainAfterMs: number | null;
  /** Attempts to restart it took. */
  readonly attempts: number;
  /** Device time spent in vain while it lasted. */
  readonly wastedMs: number;
  readonly p99: { readonly beforeMs: number | null; readonly duringMs: number | null; readonly afterMs: number | null };
}

export type DetectionEvidence =
  | (LossEvidence & { readonly process: string })
  | { readonly by: "failure"; readonly task: string; readonly message: string }
  | { readonly by: "recovery"; readonly process: string };

export interface DipReport {
  /** 0 nothing, 1 standstill: how far below the level before the lowest throughput was. */
  readonly depth: number;
  /** From the injection until 95 % of the level before were reached again; `null` when they were not, before the run or the window ended. */
  readonly durationMs: number | null;
  /** Records a second before. */
  readonly before: number;
  /** Records a second over the slowest half second, or interval of the metrics, after; also where that cannot be told from noise. */
  readonly lowest: number;
  /** Records that came later than at the level before: area of the dip. */
  readonly area: number;
  /** The same at the worst moment of the time before: an area no greater than this cannot be told from how throughput goes up and down anyway. */
  readonly noise: number;
}

export type RecoveryPhase =
  | "injected"
  | "effective"
  | "detected"
  | "ejected"
  | "restart decided"
  | "cancelled"
  | "process up"
  | "redeployed"
  | "model loading"
  | "warming up"
  | "ready"
  | "registered"
  | "first answer"
  | "restored"
  | "running"
  | "caught up"
  | "healed";

export interface PhaseMark {
  readonly phase: RecoveryPhase;
  readonly afterMs: number;
  /** Which task, instance or process; the last one when several pass the phase. */
  readonly subject?: string;
}

export interface InstanceRecovery {
  readonly instance: string;
  readonly attempt: number;
  readonly device: string | null;
  /** Of the instance's first attempt: from its process's start to READY. */
  readonly coldStartMs: number | null;
  /** The same of the attempt that replaced the failed one. */
  readonly restartColdStartMs: number | null;
  /** Stated extra delay contained in both. */
  readonly loadDelayMs: number;
  /** From the injection to the endpoints naming it again, and to its first answer. */
  readonly registeredAfterMs: number | null;
  readonly servedAgainAfterMs: number | null;
  readonly phases: readonly { readonly phase: InstancePhase | "PROCESS"; readonly afterMs: number }[];
}
