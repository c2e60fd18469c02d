/** The running tasks of a region by their processes, and what the tasks of a process write for a checkpoint. */
import type { StateHandle } from "../core/deployment";
import type { VirtualEvent } from "./eventLoop";
import type { FlowTask, FlowTaskManager, RegionState, SnapshotsOfManager, TasksOfManager } from "./flowTaskManager";

export interface StateFiles {
  /** The file with the state of a process's tasks at a checkpoint. */
  stateOf(manager: FlowTaskManager, checkpoint: number): StateHandle;
}

/** Tasks in one process have written their state. */
export class TaskSnapshots implements VirtualEvent, SnapshotsOfManager {
  readonly cancelled = false;

  constructor(
    private readonly files: StateFiles,
    private readonly manager: FlowTaskManager,
    readonly checkpoint: number,
    readonly sinceMs: number,
    readonly groups: TasksOfManager[],
  ) {}

  happen(): void {
    const { manager } = this;
    if (manager.writing === this) manager.writing = undefined;
    if (manager.process.state === "running") this.acknowledge();
    else manager.process.run(() => this.acknowledge());
  }

  private acknowledge(): void {
    const { manager, checkpoint } = this;
    const handle = this.files.stateOf(manager, checkpoint);
    for (const group of this.groups) manager.acknowledge(group, checkpoint, handle);
  }
}

/** In the order of their first tasks. */
export function byManager(tasks: Iterable<FlowTask>): TasksOfManager | undefined {
  const groups = new Map<FlowTaskManager, FlowTask[]>();
  for (const task of tasks) {
    const group = groups.get(task.manager);
    if (group === undefined) groups.set(task.manager, [task]);
    else group.push(task);
  }
  let next: TasksOfManager | undefined;
  for (const [manager, together] of [...groups].reverse()) next = { manager, tasks: together, next, running: true };
  return next;
}

/** Other tasks run now than those of its groups. */
export function forgetGroups(region: RegionState): void {
  for (let group = region.groups; group !== undefined; group = group.next) group.running = false;
  region.groups = undefined;
}
