/**
 * Nodes and devices of a simulated cluster, and who is on them. A process goes to the node that holds fewest of its kind; a copy of a model to
 * the device that holds fewest copies and has memory for one more. What finds no place waits until a node or device comes back.
 */
export interface Device {
  readonly node: number;
  /** Copies of models on it. */
  copies: number;
  /** It runs one batch after the other. */
  freeAtMs: number;
  failed: boolean;
}

export interface Node {
  readonly index: number;
  readonly devices: readonly Device[];
  up: boolean;
  taskManagers: number;
}

export interface MachineCount {
  readonly nodes: number;
  readonly devices: number;
  /** Copies of the model that one device holds. */
  readonly copiesPerDevice: number;
}

export class Machines {
  readonly nodes: readonly Node[];
  readonly devices: readonly Device[];
  private waiting: (() => boolean)[] = [];
  private nextDevice = 0;
  private nextNode = 0;
  private inUse = 0;
  private usedMs = 0;
  private usedSince = 0;

  constructor(
    private readonly count: MachineCount,
    private readonly now: () => number = () => 0,
  ) {
    const devices: Device[] = [];
    this.nodes = Array.from({ length: count.nodes }, (_, index) => {
      const first = Math.floor((index * count.devices) / count.nodes);
      const end = Math.floor(((index + 1) * count.devices) / count.nodes);
      const own = Array.from({ length: end - first }, (): Device => ({ node: index, copies: 0, freeAtMs: 0, failed: false }));
      devices.push(...own);
      return { index, devices: own, up: true, taskManagers: 0 };
    });
    this.devices = devices;
  }

  /** How long devices had copies on them, all of them together. */
  get heldMs(): number {
    return this.usedMs + this.inUse * (this.now() - this.usedSince);
  }

  private noteInUse(by: number): void {
    this.usedMs = this.heldMs;
    this.usedSince = this.now();
    this.inUse += by;
  }

  /** Calls `found` with a node for a TaskManager, now or when there is one. */
  placeTaskManager(wanted: () => boolean, found: (node: Node) => void): void {
    this.placeOrWait(wanted, () => this.leastUsedNode(), (node) => {
      node.taskManagers++;
      found(node);
    });
  }

  /** The same with a device for a copy of a model; on one node where that is given. */
  placeCopy(on: Node | undefined, wanted: () => boolean, found: (device: Device) => void): void {
    this.placeOrWait(wanted, () => this.leastUsedDevice(on), (device) => {
      if (device.copies++ === 0) this.noteInUse(1);
      found(device);
    });
  }

  release(device: Device): void {
    if (--device.copies === 0) this.noteInUse(-1);
    this.retry();
  }

  /** Something came back. */
  retry(): void {
    if (this.waiting.length === 0) return;
    const waiting = this.waiting;
    this.waiting = [];
    for (const attempt of waiting) if (!attempt()) this.waiting.push(attempt);
  }

  private placeOrWait<T>(wanted: () => boolean, look: () => T | undefined, found: (place: T) => void): void {
    const attempt = (): boolean => {
      if (!wanted()) return true;
      const place = look();
      if (place === undefined) return false;
      found(place);
      return true;
    };
    if (!attempt()) this.waiting.push(attempt);
  }

  /** Looks from where it stopped last: the first with fewest is found at once as long as they are filled evenly. */
  private leastUsedNode(): Node | undefined {
    const { nodes } = this;
    let best: Node | undefined;
    for (let step = 0; step < nodes.length; step++) {
      const node = nodes[(this.nextNode + step) % nodes.length];
      if (!node.up) continue;
      if (best === undefined || node.taskManagers < best.taskManagers) best = node;
      if (best.taskManagers === 0) break;
    }
    if (best !== undefined) this.nextNode = (best.index + 1) % nodes.length;
    return best;
  }

  private leastUsedDevice(on: Node | undefined): Device | undefined {
    const devices = on?.devices ?? this.devices;
    let best: Device | undefined;
    for (let step = 0; step < devices.length; step++) {
      const at = (this.nextDevice + step) % devices.length;
      const device = devices[at];
      if (device.failed || !this.nodes[device.node].up || device.copies >= this.count.copiesPerDevice) continue;
      if (best === undefined || device.copies < best.copies) {
        best = device;
        if (on === undefined) this.nextDevice = (at + 1) % devices.length;
      }
      if (best.copies === 0) break;
    }
    return best;
  }
}
