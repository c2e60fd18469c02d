/** Entry of a TaskManager process: `taskManager RUN_DIRECTORY taskmanager:N`. */
import type { CoordinatorMessage } from "./controlMessages";
import { StreamDebugger } from "./debug/streamDebugger";
import { waitUntilDebugged } from "./inspector";
import { CoordinatorLink } from "./links/coordinatorLink";
import { controlSocket, dataSocket, debugSocket, relaySocket } from "./runDirectory";
import { TaskExecutor } from "./taskExecutor";
import { WorkerConnection } from "./workerConnection";
import { startWorker } from "./workerMain";

const worker = startWorker();
if (worker.config.inspect === true) waitUntilDebugged();
const dataAddress = dataSocket(worker.config.socketDirectory, worker.process, process.pid);
let ending = false;

const listening = worker.config.inspect === true ? listenForDebugger() : undefined;

// The data socket is opened while the control connection is being made; other TaskManagers hear of this one when both are there.
const executor = startExecutor();

async function startExecutor(): Promise<TaskExecutor> {
  const streamDebugger = await listening;
  return TaskExecutor.start({
    streamDebugger,
    process: worker.process,
    runDirectory: worker.directory,
    job: worker.config.job,
    dataAddress,
    functionModules: worker.config.functionModules,
    serviceToken: worker.token,
    metricsIntervalMs: 250,
    send: (message) => connection.send(message),
  });
}

function listenForDebugger(): Promise<StreamDebugger> {
  return StreamDebugger.listen(debugSocket(worker.config.socketDirectory, worker.process, process.pid), worker.token);
}

const connection = WorkerConnection.open({
  socket: controlSocket(worker.config.socketDirectory),
  token: worker.token,
  ready: executor,
  hello: () => ({ kind: "hello", role: "taskmanager", process: worker.process, pid: process.pid, dataAddress }),
  onMessage: (message) => void onMessage(message),
  // As in Flink, tasks do not outlive their JobManager: a new one deploys them from the latest checkpoint.
  onDisconnected: () => void executor.then((running) => running.cancelAll()),
  onGivenUp: () => process.exit(1),
});
const relay = relaySocket(worker.config.socketDirectory, worker.process, process.pid);
void executor.then((running) => {
  let link: CoordinatorLink | undefined;
  running.faults.onCoordinatorLink = (faults) => {
    link ??= new CoordinatorLink(controlSocket(worker.config.socketDirectory), relay, faults, () => connection);
    link.onChanged();
  };
}, () => undefined);
executor.catch((error: unknown) => {
  process.stderr.write(`FL2002: The data socket cannot be opened: ${String(error)}\n`);
  process.exit(1);
});

async function onMessage(message: CoordinatorMessage): Promise<void> {
  const running = await executor;
  // No record flows before its breakpoints are set; what comes after a deployment must not overtake it.
  if (listening !== undefined && message.kind !== "shutdown") await (await listening).configured;
  if (message.kind === "shutdown" || message.kind === "drain") await end(0);
  else running.handle(message);
}

async function end(code: number): Promise<void> {
  if (ending) return;
  ending = true;
  await (await executor).close();
  await connection.close();
  process.exit(code);
}

process.on("SIGTERM", () => process.exit(143));
