/**
 * Rules of the JobMaster broken on purpose, each by one change of its source. They exist only in bundles that a test builds; what ships is
 * never touched. `from` has to occur exactly once, so that a mutation that went stale is noticed.
 */
export interface CoreMutation {
  readonly name: string;
  /** In `simulator/core`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export const CORE_MUTATIONS: readonly CoreMutation[] = [
  {
    name: "a checkpoint completes with one acknowledgement missing",
    file: "checkpointCoordinator.ts",
    from: "return waitingFor.size === 0;",
    to: "return waitingFor.size <= 1;",
  },
  {
    name: "tasks are told that a checkpoint is complete before it is on the disk",
    file: "checkpointCoordinator.ts",
    from: "  pending.storing = true;\n",
    to: '  pending.storing = true;\n  for (const process of taskManagersOf(t)) t.commands.push({ kind: "notifyCheckpointComplete", process, checkpoint: pending.checkpoint, final: pending.final });\n',
  },
  {
    name: "a restart begins from the oldest checkpoint kept",
    file: "checkpointCoordinator.ts",
    from: "return state.completed[state.completed.length - 1];",
    to: "return state.completed[0];",
  },
  {
    name: "the newest checkpoint is discarded instead of the oldest",
    file: "checkpointCoordinator.ts",
    from: "const oldest = checkpoints.completed.shift();",
    to: "const oldest = checkpoints.completed.pop();",
  },
  {
    name: "more checkpoints run at once than allowed",
    file: "checkpointCoordinator.ts",
    from: "checkpoints.pending.length < config.maxConcurrent",
    to: "checkpoints.pending.length <= config.maxConcurrent",
  },
  {
    name: "pending checkpoints survive a restart",
    file: "checkpointCoordinator.ts",
    from: "    if (!pending.storing) giveUp(t, pending, reason);",
    to: "",
  },
  {
    name: "tasks that have finished are left out of checkpoints",
    file: "checkpointCoordinator.ts",
    from: "        keepStateOfFinished(t, task, pending);\n        continue;",
    to: "        continue;",
  },
  {
    name: "a task that finishes with the last checkpoint is left out of the next one",
    file: "checkpointCoordinator.ts",
    from: "      keepStateOfFinished(t, task, pending);\n      storeIfAcknowledged",
    to: "      storeIfAcknowledged",
  },
  {
    name: "the final checkpoint is put off while others run",
    file: "checkpointCoordinator.ts",
    from: "checkpoints.savepointsDue.length === 0 && !isFinalDue(t)) triggerCheckpoint",
    to: "checkpoints.savepointsDue.length === 0) triggerCheckpoint",
  },
  {
    name: "a restart does not wait for a checkpoint that is being stored",
    file: "checkpointCoordinator.ts",
    from: "return state.pending.some((pending) => pending.storing);",
    to: "return false;",
  },
  {
    name: "a checkpoint that takes too long is waited for",
    file: "jobMaster.ts",
    from: "if (checkpoint === undefined || pending === undefined || pending.storing) return;",
    to: "if (checkpoint !== undefined) return;",
  },
  {
    name: "a damaged checkpoint is restored again",
    file: "checkpointCoordinator.ts",
    from: "  checkpoints.completed.pop();\n  const hint",
    to: "  const hint",
  },
  {
    name: "a damaged checkpoint is gone back behind further than needed",
    file: "checkpointCoordinator.ts",
    from: "  checkpoints.completed.pop();\n  const hint",
    to: "  checkpoints.completed.length = 1;\n  const hint",
  },
  {
    name: "the only checkpoint is given up",
    file: "checkpointCoordinator.ts",
    from: "checkpoints.completed.length < 2 ||",
    to: "checkpoints.completed.length < 1 ||",
  },
  {
    name: "state that cannot be read is a failure like any other",
    file: "failover.ts",
    from: 'cause.code === "FL2007") giveUpCheckpoint',
    to: 'cause.code === "FL2003") giveUpCheckpoint',
  },
  {
    name: "only the failed task restarts",
    file: "failover.ts",
    from: "return state.topology.failoverScope(task.name, isCreated, goneResults(t)).flatMap(",
    to: "void isCreated; void goneResults; return [task.name].flatMap(",
  },
  {
    name: "every failure restarts everything",
    file: "failover.ts",
    from: 'if (state.job.runtime.scheduler === "adaptive" || state.job.runtime.failoverStrategy === "full") {',
    to: "if (state.tasks.size > 0) {",
  },
  {
    name: "tasks start again before all of the old ones are down",
    file: "failover.ts",
    from: "if (failover.waitingFor.size > 0) continue;",
    to: "if (failover.waitingFor.size > 1) continue;",
  },
  {
    name: "the restart delay is ignored",
    file: "failover.ts",
    from: "dueAtMs: t.nowMs + delayMs, phase",
    to: "dueAtMs: t.nowMs, phase",
  },
  {
    name: "an instance starts while its predecessor still lives",
    file: "taskState.ts",
    from: 'return isTerminal(task.state) && (task.vertexKind === "stream" || isGone(t, task.process));',
    to: "return isTerminal(task.state);",
  },
  {
    name: "a failover goes on with tasks that a later one has taken",
    file: "taskState.ts",
    from: "  failover.members.delete(task);",
    to: "",
  },
  {
    name: "cancelled instances stay among the endpoints",
    file: "failover.ts",
    from: "for (const service of withdrawnFrom) publishEndpoints(t, service);",
    to: "",
  },
  {
    name: "lost instances stay among the endpoints",
    file: "workerLoss.ts",
    from: "if (served) publishEndpoints(t, task.vertex);",
    to: "void served;",
  },
  {
    name: "instances take calls before they are ready",
    file: "serviceManager.ts",
    from: 'if (input.phase === "READY" && task.state === "INITIALIZING") {',
    to: 'if (task.state === "INITIALIZING") {\n    task.address ??= "nowhere:1";',
  },
  {
    name: "draining instances stay among the endpoints",
    file: "serviceManager.ts",
    from: 'return task.state === "RUNNING" && !task.draining && task.address !== undefined;',
    to: 'return task.state === "RUNNING" && task.address !== undefined;',
  },
  {
    name: "only one TaskManager is told of new endpoints",
    file: "serviceManager.ts",
    from: 'if (process.state !== "CONNECTED") continue;\n    if (process.role === "service" && (',
    to: 'if (process.name !== "taskmanager:0" || process.state !== "CONNECTED") continue;\n    if (process.role === "service" && (',
  },
  {
    name: "one slot more than there is is given away",
    file: "slotPool.ts",
    from: "const free = new Map(pool.offers);",
    to: "const free = new Map([...pool.offers].map(([process, count]) => [process, count + 1]));",
  },
  {
    name: "slots of a lost TaskManager stay taken",
    file: "slotPool.ts",
    from: "for (const [key, holder] of pool.assigned) if (holder === process) pool.assigned.delete(key);",
    to: "",
  },
  {
    name: "what an old attempt says is taken for the present one",
    file: "jobMaster.ts",
    from: "const task = t.state.tasks.get(input.task);\n  if (task === undefined || task.attempt !== input.attempt) return;",
    to: "const task = t.state.tasks.get(input.task);\n  if (task === undefined) return;",
  },
  {
    name: "a silent process is never given up",
    file: "processes.ts",
    from: "t.nowMs - process.lastHeartbeatMs > silenceLimitMs(process, heartbeatTimeoutMs)",
    to: "t.nowMs - process.lastHeartbeatMs > 1e9 + heartbeatTimeoutMs",
  },
  {
    name: "a silent process counts as gone",
    file: "processes.ts",
    from: 'process.gone = evidence.by !== "heartbeat";',
    to: "process.gone = true;",
  },
  {
    name: "a lost TaskManager is not started again",
    file: "workerLoss.ts",
    from: 'if (!ending) startProcess(t, before.name, "taskmanager");',
    to: "void ending;",
  },
  {
    name: "a coordinator that takes over begins attempts anew",
    file: "jobStart.ts",
    from: "return last === undefined ? 0 : last + 1;",
    to: "void last; return 0;",
  },
  {
    name: "a coordinator that takes over forgets that the job was to end",
    file: "jobMaster.ts",
    from: "stopping: recovered?.stopping,",
    to: "stopping: undefined,",
  },
  {
    name: "fixed delay: one restart too many",
    file: "restartStrategy.ts",
    from: "return state.attempts <= config.attempts",
    to: "return state.attempts <= config.attempts + 1",
  },
  {
    name: "failure rate: one failure too many",
    file: "restartStrategy.ts",
    from: "const full = state.failureTimesMs.length === config.maxFailuresPerInterval + 1;",
    to: "const full = state.failureTimesMs.length === config.maxFailuresPerInterval + 2;",
  },
  {
    name: "exponential delay: a failure during the wait counts again",
    file: "restartStrategy.ts",
    from: "if (nowMs < state.nextRestartAtMs) {",
    to: "if (nowMs < -1) {",
  },
  {
    name: "exponential delay: the delay never grows",
    file: "restartStrategy.ts",
    from: "config.initialBackoffMs * config.backoffMultiplier ** attempt",
    to: "config.initialBackoffMs * config.backoffMultiplier ** Math.min(attempt, 0)",
  },
  {
    name: "an instance that is left out never comes back",
    file: "outlierEjection.ts",
    from: "record.ejectedUntilMs = nowMs + Math.min(maxEjectionMs, baseEjectionMs * 2 ** record.ejections);",
    to: "void maxEjectionMs; void baseEjectionMs; record.ejectedUntilMs = Infinity;",
  },
  {
    name: "an instance is left out for longer each time without end",
    file: "outlierEjection.ts",
    from: "Math.min(maxEjectionMs, baseEjectionMs * 2 ** record.ejections)",
    to: "Math.max(maxEjectionMs, baseEjectionMs * 2 ** record.ejections)",
  },
  {
    name: "an autoscaler takes more instances than it may",
    file: "autoscaler.ts",
    from: "const instances = Math.min(config.max, Math.max(load.wanted + 1, needed));",
    to: "const instances = Math.max(load.wanted + 1, needed);",
  },
  {
    name: "an autoscaler lets a number outside of its bounds be",
    file: "autoscaler.ts",
    from: "if (bounded !== load.wanted) {",
    to: "if (bounded > load.wanted + 99) {",
  },
  {
    name: "an autoscaler leaves fewer instances than it has to",
    file: "autoscaler.ts",
    from: "&& load.wanted > config.min) {",
    to: "&& load.wanted > 0) {",
  },
];
