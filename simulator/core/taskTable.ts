/**
 * A map from the tasks of a job to something, kept by their numbers: to fill one for a hundred thousand tasks, in any order, is to fill an array.
 * Read by name it is a map like any other, in the order of the tasks.
 */
import type { SubtaskName } from "../observe/journalEvent";

/** What has a place among the tasks of a job, counted from 0. */
interface Numbered {
  readonly number: number;
}

export class TaskTable<V extends object | number> implements ReadonlyMap<SubtaskName, V> {
  private readonly byNumber: (V | undefined)[];
  private count = 0;

  constructor(private readonly tasks: ReadonlyMap<SubtaskName, Numbered>) {
    this.byNumber = new Array<V | undefined>(tasks.size).fill(undefined);
  }

  get size(): number {
    return this.count;
  }

  of({ number }: Numbered): V | undefined {
    return this.byNumber[number];
  }

  put({ number }: Numbered, value: V): void {
    if (this.byNumber[number] === undefined) this.count++;
    this.byNumber[number] = value;
  }

  /** @returns whether there was something. */
  remove({ number }: Numbered): boolean {
    if (this.byNumber[number] === undefined) return false;
    this.byNumber[number] = undefined;
    this.count--;
    return true;
  }

  get(name: SubtaskName): V | undefined {
    const task = this.tasks.get(name);
    return task === undefined ? undefined : this.of(task);
  }

  has(name: SubtaskName): boolean {
    return this.get(name) !== undefined;
  }

  *entries(): MapIterator<[SubtaskName, V]> {
    for (const [name, task] of this.tasks) {
      const value = this.of(task);
      if (value !== undefined) yield [name, value];
    }
  }

  *keys(): MapIterator<SubtaskName> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): MapIterator<[SubtaskName, V]> {
    return this.entries();
  }

  forEach(call: (value: V, name: SubtaskName, map: ReadonlyMap<SubtaskName, V>) => void): void {
    for (const [name, value] of this.entries()) call(value, name, this);
  }
}
