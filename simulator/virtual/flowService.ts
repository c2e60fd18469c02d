/** The services of a simulated job: who answers calls, whether anybody does, and the clients that the flow calls them by. */
import type { ServiceEndpoint } from "../core/deployment";
import type { ServiceSpec } from "../graph/jobFile";
import type { Chance } from "./chance";
import type { ServiceCaller } from "./clientCalls";
import { draw } from "./distribution";
import type { EventLoop } from "./eventLoop";
import type { FlowClient } from "./flowRegion";
import type { FlowMeasures } from "./flowMeasures";
import type { Device } from "./machines";
import type { ServiceTimings } from "./simulatedTimings";
import type { InstanceRequest, InstanceTiming, Refusal, VirtualInstance } from "./virtualInstance";
import { VirtualProcess } from "./virtualProcess";
import { VirtualRosClient } from "./virtualRosClient";

/** A call of a model in the caller's own process. */
class EmbeddedRequest implements InstanceRequest {
  readonly rows = 1;
  readonly group = "";

  constructor(
    readonly origin: number,
    readonly deadlineMs: number,
    private readonly caller: ServiceCaller,
  ) {}

  answered(): void {
    this.caller.onResult();
  }

  refused(why: Refusal): void {
    this.caller.onError(`the model's queue said ${why}`);
  }
}

/** What the instances of a service share. */
export class FlowService {
  /** Copies that take calls now. */
  ready = 0;
  private pooled: { readonly client: VirtualRosClient; readonly flow: FlowClient } | undefined;
  /** Lists that came already: every TaskManager is told, and the first telling counts. */
  private readonly seen = new WeakSet<readonly ServiceEndpoint[]>();
  private seenLast: readonly ServiceEndpoint[] | undefined;

  constructor(
    readonly spec: ServiceSpec,
    /** One client for all tasks, where there are too many for one each. */
    readonly isPooled: boolean,
    private readonly world: {
      readonly loop: EventLoop;
      readonly chance: Chance;
      readonly measures: FlowMeasures;
      readonly timings: ServiceTimings;
      instanceAt(address: string): VirtualInstance | undefined;
      nextOrigin(): number;
      onRetry(service: string, instance: string, requests: number, reason: string): void;
      onEjected(service: string, instance: string, reason: string): void;
    },
  ) {}

  get timings(): ServiceTimings {
    return this.world.timings;
  }

  /**
   * Times of one copy of the model on a device, which runs one batch after the other.
   * @param loaded by a process that has begun by then: `again` when it has had the model before.
   */
  timingOn(device: () => Device | undefined, loaded?: "first" | "again"): { readonly timing: InstanceTiming; readonly ran: (runMs: number, rows: number, wanted: number) => void } {
    const { loop, chance, measures, timings } = this.world;
    const own = chance.fork(`instance ${this.world.nextOrigin()}`);
    let lastRunMs = 0;
    const { fixedMs, perRowMs, spread } = timings.run;
    const { loadMs, warmMs } = (loaded === "again" ? timings.again : undefined) ?? timings;
    return {
      timing: {
        startMs: () => (loaded === undefined ? draw(timings.startMs, own) : 0),
        loadMs: () => this.spec.loadDelayMs + this.loads(draw(loadMs, own)),
        warmMs: () => this.loads(draw(warmMs, own)),
        runMs: (rows) => {
          lastRunMs = (fixedMs + perRowMs * rows) * (spread === 0 ? 1 : Math.exp(spread * own.normal() - (spread * spread) / 2));
          const on = device();
          if (on === undefined) return lastRunMs;
          on.freeAtMs = Math.max(on.freeAtMs, loop.now) + lastRunMs;
          return on.freeAtMs - loop.now;
        },
      },
      ran: (_, rows, wanted) => {
        measures.device.runMs += lastRunMs;
        measures.device.abandonedMs += lastRunMs * (1 - wanted / rows);
      },
    };
  }

  /** The one client of all tasks. */
  pooledClient(endpoints: readonly ServiceEndpoint[]): FlowClient {
    if (this.pooled === undefined) {
      const client = this.open(new VirtualProcess(this.world.loop, `clients:${this.spec.id}`, 0), endpoints);
      const flow: FlowClient = {
        call: (timeoutMs, owner, caller) => client.call(timeoutMs, caller, owner),
        abandon: (owner) => client.abandon(owner),
      };
      this.pooled = { client, flow };
    }
    return this.pooled.flow;
  }

  /** A client of one task. */
  clientIn(process: VirtualProcess, endpoints: readonly ServiceEndpoint[]): { readonly flow: FlowClient; update(endpoints: readonly ServiceEndpoint[]): void; close(): void } {
    const client = this.open(process, endpoints);
    return {
      flow: { call: (timeoutMs, _owner, caller) => client.call(timeoutMs, caller), abandon: () => client.close() },
      update: (changed) => client.updateEndpoints(changed),
      close: () => client.close(),
    };
  }

  /** A copy of the model in the task's own process. */
  embeddedClient(instance: VirtualInstance): FlowClient {
    const { loop } = this.world;
    return {
      call: (timeoutMs, owner, caller) => instance.request(new EmbeddedRequest(owner, loop.now + timeoutMs, caller)),
      abandon: (owner) => instance.cancel(owner),
    };
  }

  onEndpoints(endpoints: readonly ServiceEndpoint[]): void {
    if (this.pooled === undefined || endpoints === this.seenLast || this.seen.has(endpoints)) return;
    this.seen.add(endpoints);
    this.seenLast = endpoints;
    this.pooled.client.updateEndpoints(endpoints);
  }

  private open(process: VirtualProcess, endpoints: readonly ServiceEndpoint[]): VirtualRosClient {
    const { loop, chance, timings } = this.world;
    const origin = this.world.nextOrigin();
    const own = chance.fork(`client ${origin}`);
    return new VirtualRosClient(
      {
        spec: this.spec,
        loop,
        chance: own,
        process,
        origin,
        network: { instanceAt: (address) => this.world.instanceAt(address), latencyMs: () => draw(timings.callMs, own) / 2 },
        onRetry: (instance, requests, reason) => {
          this.world.measures.counts.retried += requests;
          this.world.onRetry(this.spec.id, instance, requests, reason);
        },
        onEjected: (instance, reason) => {
          this.world.measures.counts.ejected++;
          this.world.onEjected(this.spec.id, instance, reason);
        },
      },
      endpoints,
    );
  }

  private loads(ms: number): number {
    this.world.measures.device.loadMs += ms;
    return ms;
  }
}
