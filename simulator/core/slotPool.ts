/**
 * Slots of the TaskManagers and who shares them. Subtask i of every vertex of one slot sharing group sits in slot i of that group
 * (Flink's slot sharing, with parallelism levelled out); slots are spread over the TaskManagers evenly.
 * A slot stays where it is until its TaskManager is lost; in batch, where each region has slots of its own, until the region's tasks have ended
 * (Flink: `setAllVerticesInSameSlotSharingGroupByDefault(false)`).
 */
import type { ProcessName } from "../observe/journalEvent";

/** `GROUP/INDEX`. */
export type SlotKey = string;

export interface SlotPoolState {
  /** TaskManagers that are there, with their number of slots. */
  readonly offers: Map<ProcessName, number>;
  readonly assigned: Map<SlotKey, ProcessName>;
  /** How many of them each TaskManager has: counted anew at each restart, they would cost what the job's size costs. */
  readonly held: Map<ProcessName, number>;
  /** Live tasks in slots that are given back when the last of them has ended. */
  readonly users: Map<SlotKey, number>;
}

export function newSlotPool(): SlotPoolState {
  return { offers: new Map(), assigned: new Map(), held: new Map(), users: new Map() };
}

export function slotKey(group: string, index: number): SlotKey {
  return `${group}/${index}`;
}

export function addTaskManager(pool: SlotPoolState, process: ProcessName, slots: number): void {
  pool.offers.set(process, slots);
}

/** One more task sits in the slot. */
export function useSlot(pool: SlotPoolState, key: SlotKey): void {
  pool.users.set(key, (pool.users.get(key) ?? 0) + 1);
}

/** A task in the slot has ended; with the last one the slot is free. */
export function leaveSlot(pool: SlotPoolState, key: SlotKey): void {
  const left = (pool.users.get(key) ?? 1) - 1;
  if (left > 0) pool.users.set(key, left);
  else {
    pool.users.delete(key);
    const holder = pool.assigned.get(key);
    if (holder !== undefined) hold(pool, holder, -1);
    pool.assigned.delete(key);
  }
}

/** Forgets the TaskManager and every slot on it. */
export function removeTaskManager(pool: SlotPoolState, process: ProcessName): void {
  pool.offers.delete(process);
  pool.held.delete(process);
  for (const [key, holder] of pool.assigned) if (holder === process) pool.assigned.delete(key);
}

function hold(pool: SlotPoolState, process: ProcessName, more: number): void {
  pool.held.set(process, (pool.held.get(process) ?? 0) + more);
}

interface FreeTaskManager {
  readonly process: ProcessName;
  readonly count: number;
}

/** TaskManagers with free slots, counted when first asked for; good for one step, in which slots are only given out. */
export interface FreeSlots {
  /** In the order in which they are taken: most free slots first, by name among equals. */
  inOrder: FreeTaskManager[] | undefined;
  /** Over all of them. Where more are taken than there are, that counts against the others. */
  left: number;
}

/**
 * Finds a TaskManager for every slot, all or none: those with most free slots first, in name order among equals.
 * @returns the TaskManager of each slot, or undefined when there are not enough.
 */
export function assignSlots(
  pool: SlotPoolState,
  keys: readonly SlotKey[],
  counted: FreeSlots = { inOrder: undefined, left: 0 },
): ReadonlyMap<SlotKey, ProcessName> | undefined {
  const chosen = new Map<SlotKey, ProcessName>();
  const missing = new Set<SlotKey>();
  for (const key of keys) {
    const held = pool.assigned.get(key);
    if (held === undefined) missing.add(key);
    else chosen.set(key, held);
  }
  if (missing.size === 0) return chosen;
  const free = (counted.inOrder ??= countFree(pool, counted));
  if (counted.left < missing.size) return undefined;
  for (const key of missing) {
    const best = free.shift();
    if (best === undefined) return undefined;
    if (best.count > 1) insert(free, { process: best.process, count: best.count - 1 });
    counted.left--;
    chosen.set(key, best.process);
  }
  for (const [key, process] of chosen) {
    pool.assigned.set(key, process);
    if (missing.has(key)) hold(pool, process, 1);
  }
  return chosen;
}

function comesBefore(one: FreeTaskManager, other: FreeTaskManager): boolean {
  return one.count > other.count || (one.count === other.count && one.process < other.process);
}

function insert(free: FreeTaskManager[], entry: FreeTaskManager): void {
  let [low, high] = [0, free.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = free[middle];
    if (there !== undefined && comesBefore(there, entry)) low = middle + 1;
    else high = middle;
  }
  free.splice(low, 0, entry);
}

function countFree(pool: SlotPoolState, counted: FreeSlots): FreeTaskManager[] {
  const free = new Map(pool.offers);
  for (const [holder, count] of pool.held) free.set(holder, (free.get(holder) ?? 0) - count);
  counted.left = 0;
  const inOrder: FreeTaskManager[] = [];
  for (const [process, count] of free) {
    counted.left += count;
    // The full ones are of no use, and most are full once a job runs.
    if (count > 0) inOrder.push({ process, count });
  }
  return inOrder.sort((one, other) => (comesBefore(one, other) ? -1 : 1));
}
