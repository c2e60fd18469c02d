/** A run into which a test injects one fault after the other, and at which it looks from outside meanwhile. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openRun } from "../../simulator/client/openRun";
import type { Run } from "../../simulator/client/run";
import type { JournalEventOf } from "../../simulator/observe/journalEvent";
import { IndependentClient } from "../fixtures/independentClient";
import type { Message } from "../fixtures/independentClient";
import type { RunUnderTest } from "./faultlineCli";

export class FaultRun {
  private injections = 0;

  private constructor(
    readonly run: RunUnderTest,
    private readonly handle: Run,
  ) {}

  /** Once the job is running and a checkpoint is complete. */
  static async of(run: RunUnderTest): Promise<FaultRun> {
    await run.event("checkpoint.completed");
    return new FaultRun(run, await openRun(run.directory));
  }

  /** Of a job that is running, without waiting for a checkpoint. */
  static async running(run: RunUnderTest): Promise<FaultRun> {
    await run.event("job.state", ({ to }) => to === "RUNNING");
    return new FaultRun(run, await openRun(run.directory));
  }

  /** Injects, and waits until the journal says that it took effect; the evidence. */
  async inject(fault: string, target: string, parameters: Readonly<Record<string, unknown>> = {}, targets = 1): Promise<string> {
    const injection = await this.order(fault, target, parameters);
    for (let more = 1; more < targets; more++) await this.effect(++this.injections);
    return this.effect(injection);
  }

  /** Injects; the number of the injection. */
  async order(fault: string, target: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<number> {
    await this.handle.inject({ fault, target, parameters });
    return ++this.injections;
  }

  async effect(injection: number): Promise<string> {
    const event = await Promise.race([
      this.run.event("fault.effective", (one) => one.injection === injection),
      this.run.event("fault.failed", (one) => one.injection === injection),
    ]);
    if (event.kind === "fault.failed") throw new Error(`${event.cause.code}: ${event.cause.message}`);
    return event.evidence;
  }

  /** Heals everything, and waits until the journal says so of one injection, the last by default. */
  async heal(injection = this.injections): Promise<void> {
    await this.handle.heal();
    await this.run.event("fault.healed", (one) => one.injection === injection);
  }

  async stop(): Promise<void> {
    await this.handle.stop("drain");
  }

  /** The process as the journal names it now. */
  pidOf(process: string): number {
    return this.run.of("process.started").findLast((event) => event.process === process)?.pid ?? -1;
  }

  /** Waits for the next event of an attempt that is not known yet. */
  async newAttempt(instance: string, phase: JournalEventOf<"instance.phase">["phase"]): Promise<JournalEventOf<"instance.phase">> {
    const before = Math.max(-1, ...this.run.of("instance.phase").filter((event) => event.instance === instance).map((event) => event.attempt));
    return this.run.event("instance.phase", (event) => event.instance === instance && event.attempt > before && event.phase === phase);
  }

  /** Calls an instance as a client of others would. The example's model takes 256 numbers. */
  async call(instance: string, first: number): Promise<{ readonly values: readonly number[]; readonly shape: readonly number[]; readonly tookMs: number }> {
    const endpoint = this.run.of("service.endpoints").at(-1)?.instances.find((one) => one.instance === instance);
    if (endpoint === undefined) throw new Error(`${instance} has no endpoint`);
    const client = new IndependentClient(endpoint.address, readFileSync(join(this.run.directory, "token"), "utf8"));
    const input = { name: "ngrams", datatype: "INT32", shape: [1, 256], contents: { intContents: Array.from({ length: 256 }, (_, index) => (index < 40 ? first + index : 0)) } };
    const startedAt = performance.now();
    try {
      const answer: Message = await client.call("ModelInfer", { modelName: "langid", inputs: [input] }, { deadlineMs: 5_000 });
      // Contents come as the request's did: as numbers. What shares a run with others differs in the last digits.
      const values = (answer.outputs[0].contents.fp32Contents as number[]).map((value) => Math.round(value * 1e4) / 1e4);
      return { values, shape: answer.outputs[0].shape as number[], tookMs: performance.now() - startedAt };
    } finally {
      client.close();
    }
  }
}
