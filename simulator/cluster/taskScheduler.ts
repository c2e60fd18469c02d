/**
 * Shares the thread of a TaskManager between its tasks: each that has something to do gets a slice, then the event loop gets its turn.
 * Flink gives each task a thread; here a task that holds the thread (a slow function) holds up the others of its TaskManager.
 */
export interface Schedulable {
  scheduled: boolean;
  runSlice(): void;
}

export class TaskScheduler {
  private ready: Schedulable[] = [];
  private armed = false;

  schedule(task: Schedulable): void {
    if (task.scheduled) {
      return;
    }
    task.scheduled = true;
    this.ready.push(task);
    if (!this.armed) {
      this.armed = true;
      setImmediate(this.runAll);
    }
  }

  private readonly runAll = (): void => {
    const tasks = this.ready;
    this.ready = [];
    for (const task of tasks) {
      task.scheduled = false;
      task.runSlice();
    }
    if (this.ready.length > 0) {
      setImmediate(this.runAll);
    } else {
      this.armed = false;
    }
  };
}
