/** What a simulated run is measured by. Everything before `fromMs` is the job's start and does not count. */
import { LatencyHistogram } from "../observe/latencyHistogram";

export class FlowMeasures {
  /** From a call to its answer, retries included. */
  calls = new LatencyHistogram();
  /** From a record's coming to its first result. */
  records = new LatencyHistogram();
  counts = { arrived: 0, results: 0, first: 0, committed: 0, calls: 0, retried: 0, ejected: 0, scaledOut: 0, scaledIn: 0, failures: 0, tasksRestarted: 0, instancesRestarted: 0, checkpoints: 0, checkpointsFailed: 0, faults: 0 };
  /** Device time by what it was spent on, ms. */
  device = { runMs: 0, abandonedMs: 0, loadMs: 0 };
  /** Calls answered since the metrics before, where somebody asks. */
  intervalCalls: LatencyHistogram | undefined;

  arrived(count: number): void {
    this.counts.arrived += count;
  }

  answered(ms: number): void {
    this.counts.calls++;
    this.calls.record(ms);
    this.intervalCalls?.record(ms);
  }

  result(first: boolean, sinceArrivalMs: number): void {
    this.counts.results++;
    if (!first) return;
    this.counts.first++;
    this.records.record(sinceArrivalMs);
  }

  committed(count: number): void {
    this.counts.committed += count;
  }

  /** The job has started: what counts begins now. */
  reset(): void {
    this.calls = new LatencyHistogram();
    this.records = new LatencyHistogram();
    for (const name of Object.keys(this.counts) as (keyof FlowMeasures["counts"])[]) this.counts[name] = 0;
    this.device = { runMs: 0, abandonedMs: 0, loadMs: 0 };
  }
}
