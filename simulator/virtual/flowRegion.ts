/**
 * The records of one pipelined region, as a flow: what comes waits at the sources, goes through the region's calls of services one record at a
 * time, and gives a result. Between tasks no buffers are modelled but those behind paced sources, which begin before tasks that still load a
 * model, and no record is lost in them: the region flows while all of its tasks run, and begins again at its latest checkpoint when they have
 * been restarted, as it does with every record in its place.
 */
import type { ArrivalPattern } from "./arrivals";
import { nextArrivalMs, rateAt } from "./arrivals";
import type { Chance } from "./chance";
import type { ServiceCaller } from "./clientCalls";
import type { EventLoop, VirtualEvent, VirtualTimer } from "./eventLoop";
import { cancelTimer } from "./eventLoop";
import type { FlowMeasures } from "./flowMeasures";
import { RecordLog } from "./recordLog";
import { RecordSet } from "./recordSet";
import type { RegionSnapshots } from "./regionSnapshots";

/** A client of a service as the flow uses it. */
export interface FlowClient {
  call(timeoutMs: number, owner: number, caller: ServiceCaller): void;
  /** Calls of this owner are given up: its tasks are gone. */
  abandon(owner: number): void;
}

/** Where calls of one stage go out. `capacity`: calls at a time. */
export interface FlowSlot {
  readonly client: FlowClient;
  readonly capacity: number;
  inFlight: number;
}

export interface FlowStage {
  readonly service: string;
  readonly timeoutMs: number;
}

/** A stage as one region has it. */
class StageState {
  /** Where its calls go out. */
  slots: readonly FlowSlot[] = [];
  /** The only one of {@link slots}: a lane has no more, and one list less to read for each record. */
  only: FlowSlot | undefined;
  turn = 0;
  /** Records whose call of the stage before is over and that wait for room here. */
  readonly waiting: { readonly record: number; readonly slot: FlowSlot }[] = [];

  constructor(readonly timeoutMs: number) {}

  begin(slots: readonly FlowSlot[]): void {
    this.slots = slots;
    this.only = slots.length === 1 ? slots[0] : undefined;
    this.waiting.length = 0;
  }

  /** A slot with room for one more call; they take turns. */
  room(): FlowSlot | undefined {
    const { only, slots } = this;
    if (only !== undefined) return only.inFlight < only.capacity ? only : undefined;
    for (let step = 0; step < slots.length; step++) {
      const at = (this.turn + step) % slots.length;
      if (slots[at].inFlight >= slots[at].capacity) continue;
      this.turn = at + 1;
      return slots[at];
    }
    return undefined;
  }
}

export interface FlowRegionOptions {
  /** Among the regions of the job, from 0 on. */
  readonly number: number;
  readonly snapshots: RegionSnapshots;
  readonly loop: EventLoop;
  readonly chance: Chance;
  readonly measures: FlowMeasures;
  readonly arrivals: ArrivalPattern;
  /** Share of all records that come to this region. */
  readonly share: number;
  /** Services that each record is sent to, in this order. */
  readonly stages: readonly FlowStage[];
  /** Least time between two records that the slowest of its vertices can take. */
  readonly paceMs: number;
  /** Names the region's present attempt to the services. */
  nextOwner(): number;
  /** A call took too long or cannot be made: the task that waits for it fails. */
  onCallFailed(stage: number, message: string): void;
}

/** A record's call of one stage. */
class RecordCall implements ServiceCaller {
  constructor(
    private readonly region: FlowRegion,
    readonly epoch: number,
    readonly record: number,
    readonly stage: number,
    readonly slot: FlowSlot,
    readonly startedAt: number,
  ) {}

  onResult(): void {
    this.region.onAnswer(this);
  }

  onError(message: string): void {
    this.region.onCallFailed(this, message);
  }
}

/** A record comes from outside. */
class Arrival implements VirtualEvent {
  readonly cancelled = false;

  constructor(private readonly region: FlowRegion) {}

  happen(): void {
    this.region.onArrival();
  }
}

/** How far a paced source that was held up catches up. */
const MAX_DEBT_MS = 1_000;
/** Records that a paced source may be ahead of the first call: buffers that are full hold it up. */
const PACED_AHEAD = 256;

export class FlowRegion {
  private readonly records = new RecordLog();
  /** Size of {@link inFlight}. */
  private inFlightCount = 0;
  /** So many of {@link again} are still to be taken. */
  private againLeft = 0;
  private admitted = 0;
  private readonly paced: boolean;
  private readonly stages: readonly StageState[];
  /** Of the stages, where each record begins; none where the region calls no service. */
  private readonly firstStage: StageState | undefined;
  private readonly inFlight = new RecordSet();
  private again: readonly number[] = [];
  /** Paced sources: records made so far by this attempt's count. */
  private made = 0;
  private isOpen = false;
  private flowing = false;
  /** All sources run; a paced one makes records, which wait until all the others run too. */
  private sourcing = false;
  private stalled = false;
  private epoch = 0;
  private owner = 0;
  private nextAdmitMs = 0;
  private admitTimer: VirtualTimer | undefined;
  private arrivalTimer: VirtualTimer | undefined;
  private pacedSince = 0;
  private pacedFrom = 0;
  private committedRecords = 0;
  private results = 0;

  private readonly arrival = new Arrival(this);

  // The options once more, each by itself: what is used with every record is next to what else is, and not in an object of its own.
  private readonly loop: EventLoop;
  private readonly chance: Chance;
  private readonly measures: FlowMeasures;
  private readonly arrivals: ArrivalPattern;
  private readonly share: number;
  private readonly paceMs: number;
  private readonly number: number;
  private readonly snapshots: RegionSnapshots;

  constructor(private readonly options: FlowRegionOptions) {
    this.loop = options.loop;
    this.chance = options.chance;
    this.measures = options.measures;
    this.arrivals = options.arrivals;
    this.share = options.share;
    this.paceMs = options.paceMs;
    this.number = options.number;
    this.snapshots = options.snapshots;
    this.paced = options.arrivals.kind === "paced";
    this.stages = options.stages.map(({ timeoutMs }) => new StageState(timeoutMs));
    this.firstStage = this.stages.length > 0 ? this.stages[0] : undefined;
  }

  /** From now on records come. */
  open(): void {
    this.isOpen = true;
    if (!this.paced) this.awaitArrival();
    else {
      this.pacedSince = this.loop.now;
      this.awaitPace();
    }
  }

  get isFlowing(): boolean {
    return this.flowing && !this.stalled;
  }

  /** Records whose first result is on disk for good. */
  get committed(): number {
    return this.committedRecords;
  }

  /** Records that came and have not been taken yet. */
  get backlog(): number {
    return this.records.count - this.admitted;
  }

  /** Results so far, those that came again after a restart included. */
  get resultCount(): number {
    return this.results;
  }

  /** All sources run, others may not yet. @param checkpoint the one that they were restored from. */
  startSources(checkpoint: number | undefined): void {
    if (!this.paced) return;
    this.sourcing = true;
    this.stalled = false;
    this.admitted = this.snapshots.positionAt(this.number, checkpoint) ?? 0;
    this.made = this.admitted;
    this.pacedSince = this.loop.now;
    this.pacedFrom = this.made;
    this.awaitPace();
  }

  /** All tasks run. @param checkpoint the one that they were restored from. */
  start(slots: readonly (readonly FlowSlot[])[], checkpoint: number | undefined): void {
    const { loop } = this;
    this.epoch++;
    this.owner = this.options.nextOwner();
    this.stages.forEach((stage, index) => stage.begin(slots[index]));
    this.flowing = true;
    this.stalled = false;
    this.inFlight.clear();
    this.inFlightCount = 0;
    this.again = this.snapshots.inFlightAt(this.number, checkpoint);
    this.againLeft = this.again.length;
    this.admitted = this.snapshots.positionAt(this.number, checkpoint) ?? 0;
    this.nextAdmitMs = loop.now;
    this.admit();
  }

  /** One of its tasks is gone. */
  stop(): void {
    this.sourcing = false;
    if (this.paced) cancelTimer(this.arrivalTimer);
    if (!this.flowing) return;
    this.flowing = false;
    this.epoch++;
    cancelTimer(this.admitTimer);
    for (const stage of this.stages) {
      for (const client of new Set(stage.slots.map((slot) => slot.client))) client.abandon(this.owner);
      stage.begin([]);
    }
  }

  /** A process of it is stopped, or goes on. */
  stall(stalled: boolean): void {
    if (this.stalled === stalled) return;
    this.stalled = stalled;
    if (this.paced) this.awaitPace();
    if (this.isFlowing) this.pump();
  }

  /** Barriers go out at the sources; once for each checkpoint. */
  snapshot(checkpoint: number): void {
    const { snapshots, number } = this;
    if (this.inFlightCount === 0 && this.againLeft === 0 && !this.paced) {
      snapshots.keep(number, checkpoint, this.admitted);
      return;
    }
    const waiting = this.again.slice(this.again.length - this.againLeft);
    const ahead = this.paced ? Array.from({ length: this.made - this.admitted }, (_, index) => this.admitted + index) : [];
    snapshots.keep(number, checkpoint, this.paced ? this.made : this.admitted);
    snapshots.keepInFlight(number, checkpoint, [...this.inFlight, ...waiting, ...ahead]);
  }

  /** The checkpoint is complete. @param oldest of those that are kept. */
  complete(checkpoint: number, oldest: number): void {
    const { snapshots, number } = this;
    const position = snapshots.positionAt(number, checkpoint);
    if (position === undefined) return;
    const committed = position - snapshots.inFlightAt(number, checkpoint).length;
    if (committed > this.committedRecords) {
      this.measures.committed(committed - this.committedRecords);
      this.committedRecords = committed;
    }
    const before = snapshots.positionAt(number, oldest);
    let first = before ?? position;
    for (const record of snapshots.inFlightAt(number, before === undefined ? checkpoint : oldest)) if (record < first) first = record;
    this.records.forgetBefore(first);
  }

  private awaitArrival(): void {
    const { loop, arrivals, share, chance } = this;
    const at = nextArrivalMs(arrivals, share, loop.now, chance);
    if (at === Infinity) return;
    loop.put(at, this.arrival);
  }

  onArrival(): void {
    this.records.append(this.loop.now);
    this.measures.arrived(1);
    if (this.isFlowing) this.admit();
    this.awaitArrival();
  }

  private awaitPace(): void {
    const { loop, arrivals, share } = this;
    cancelTimer(this.arrivalTimer);
    if (!this.isOpen || !this.sourcing || this.stalled || this.made - this.admitted >= PACED_AHEAD) return;
    const rate = rateAt(arrivals, loop.now) * share;
    if (rate <= 0) return;
    const intervalMs = 1000 / rate;
    let at = this.pacedSince + (this.made - this.pacedFrom) * intervalMs;
    if (loop.now - at > MAX_DEBT_MS) {
      at = loop.now - MAX_DEBT_MS;
      this.pacedSince = at;
      this.pacedFrom = this.made;
    }
    this.arrivalTimer = loop.at(at, () => {
      // A record that is made once more has its place already.
      if (this.made === this.records.count) {
        this.records.append(loop.now);
        this.measures.arrived(1);
      }
      this.made++;
      this.admit();
      this.awaitPace();
    });
  }

  /** Takes records as long as there is room for them. */
  private admit(): void {
    const { loop, firstStage, paceMs, paced } = this;
    while (this.isFlowing) {
      const repeated = this.againLeft > 0;
      if (!repeated && this.admitted >= (paced ? this.made : this.records.count)) return;
      const slot = firstStage?.room();
      if (firstStage !== undefined && slot === undefined) return;
      if (paceMs > 0 && this.nextAdmitMs > loop.now) {
        cancelTimer(this.admitTimer);
        this.admitTimer = loop.at(this.nextAdmitMs, this.admitAgain);
        return;
      }
      this.nextAdmitMs = Math.max(this.nextAdmitMs, loop.now) + paceMs;
      const record = repeated ? this.again[this.again.length - this.againLeft--] : this.admitted++;
      this.inFlight.add(record);
      this.inFlightCount = this.inFlight.size;
      if (slot === undefined) this.finish(record);
      else this.call(record, 0, slot);
      if (paced && this.made - this.admitted === PACED_AHEAD - 1) this.awaitPace();
    }
  }

  private readonly admitAgain = (): void => this.admit();

  private call(record: number, stage: number, slot: FlowSlot): void {
    slot.inFlight++;
    slot.client.call(this.stages[stage].timeoutMs, this.owner, new RecordCall(this, this.epoch, record, stage, slot, this.loop.now));
  }

  onAnswer({ epoch, record, stage, slot, startedAt }: RecordCall): void {
    if (epoch !== this.epoch) return;
    const { loop, measures, stages } = this;
    measures.answered(loop.now - startedAt);
    if (stage + 1 < stages.length) stages[stage + 1].waiting.push({ record, slot });
    else {
      slot.inFlight--;
      this.finish(record);
    }
    if (!this.stalled) this.pump();
  }

  onCallFailed({ epoch, stage }: RecordCall, message: string): void {
    if (epoch === this.epoch) this.options.onCallFailed(stage, message);
  }

  /** What waits behind a stage goes on, the last stage first; then new records. */
  private pump(): void {
    for (let stage = this.stages.length - 1; stage > 0; stage--) {
      const queue = this.stages[stage].waiting;
      while (queue.length > 0) {
        const room = this.stages[stage].room();
        const next = room === undefined ? undefined : queue.shift();
        if (room === undefined || next === undefined) break;
        next.slot.inFlight--;
        this.call(next.record, stage, room);
      }
    }
    this.admit();
  }

  private finish(record: number): void {
    const { loop, measures } = this;
    this.inFlight.delete(record);
    this.inFlightCount = this.inFlight.size;
    this.results++;
    measures.result(this.records.finish(record), loop.now - this.records.arrivedAtMs(record));
  }
}
