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
  /** Live tasks in slots that are given back when the last of them has ended. */
  readonly users: Map<SlotKey, number>;
}

export function newSlotPool(): SlotPoolState {
  return { offers: new Map(), assigned: new Map(), users: new Map() };
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
    pool.assigned.delete(key);
  }
}

/** Forgets the TaskManager and every slot on it. */
export function removeTaskManager(pool: SlotPoolState, process: ProcessName): void {
  pool.offers.delete(process);
  for (const [key, holder] of pool.assigned) if (holder === process) pool.assigned.delete(key);
}

/** Free slots by TaskManager, counted when first asked for; good for one step, in which slots are only given out. */
export interface FreeSlots {
  byTaskManager: Map<ProcessName, number> | undefined;
}

/**
 * Finds a TaskManager for every slot, all or none: those with most free slots first, in name order among equals.
 * @returns the TaskManager of each slot, or undefined when there are not enough.
 */
export function assignSlots(
  pool: SlotPoolState,
  keys: readonly SlotKey[],
  counted: FreeSlots = { byTaskManager: undefined },
): ReadonlyMap<SlotKey, ProcessName> | undefined {
  const chosen = new Map<SlotKey, ProcessName>();
  const missing = new Set<SlotKey>();
  for (const key of keys) {
    const held = pool.assigned.get(key);
    if (held === undefined) missing.add(key);
    else chosen.set(key, held);
  }
  if (missing.size === 0) return chosen;
  const free = (counted.byTaskManager ??= freeSlots(pool));
  let left = -missing.size;
  for (const count of free.values()) left += count;
  if (left < 0) return undefined;
  for (const key of missing) {
    let best: ProcessName | undefined;
    for (const [process, count] of free) {
      if (count > 0 && (best === undefined || count > (free.get(best) ?? 0) || (count === free.get(best) && process < best))) best = process;
    }
    if (best === undefined) return undefined;
    free.set(best, (free.get(best) ?? 0) - 1);
    chosen.set(key, best);
  }
  for (const [key, process] of chosen) pool.assigned.set(key, process);
  return chosen;
}

function freeSlots(pool: SlotPoolState): Map<ProcessName, number> {
  const free = new Map(pool.offers);
  for (const holder of pool.assigned.values()) free.set(holder, (free.get(holder) ?? 0) - 1);
  return free;
}
