/** Clients are told of exactly those instances that take calls: loaded, warm, not draining, not known to be gone. */
import type { StepResult } from "../core/jobMaster";
import type { JobMasterInput, JobMasterState } from "../core/jobMasterState";
import type { ProcessName, SubtaskName } from "../observe/journalEvent";
import { ensure } from "./invariantViolation";

const TAKES_CALLS: ReadonlySet<string> = new Set(["READY", "SERVING"]);

export class EndpointRecord {
  /** `INSTANCE/ATTEMPT` that said that it is ready. */
  private readonly ready = new Set<string>();
  private readonly readyProcesses = new Set<ProcessName>();
  /** Service → `INSTANCE/ATTEMPT` as the journal says last. */
  readonly published = new Map<string, ReadonlySet<string>>();
  /** TaskManager and service → what its clients go by. */
  readonly known = new Map<string, ReadonlySet<string>>();
  private readonly pushed = new Set<string>();

  onInput(input: JobMasterInput): void {
    if (input.kind === "instancePhase" && TAKES_CALLS.has(input.phase)) this.noteReady(input.instance, input.attempt);
    if (input.kind === "workerLost") this.readyProcesses.delete(input.process);
    if (input.kind !== "workerConnected") return;
    const { instance, role, process } = input;
    if (instance !== undefined && TAKES_CALLS.has(instance.phase)) this.noteReady(instance.instance, instance.attempt);
    if (role !== "taskmanager") return;
    for (const key of [...this.known.keys()]) if (key.startsWith(`${process}/`)) this.known.delete(key);
    for (const key of [...this.pushed]) if (key.startsWith(`${process}/`)) this.pushed.delete(key);
  }

  onStep({ events, commands }: StepResult): void {
    for (const event of events) {
      if (event.kind === "service.endpoints") this.published.set(event.service, namesOf(event.instances));
    }
    for (const command of commands) {
      if (command.kind === "pushEndpoints") {
        const key = `${command.process}/${command.service}`;
        this.pushed.add(key);
        this.known.set(key, namesOf(command.instances));
      } else if (command.kind === "deploy") {
        for (const { endpoints } of command.deployments) {
          for (const [service, instances] of Object.entries(endpoints)) {
            // A TaskManager goes by what was pushed to it last, and by the deployment only where nothing was.
            const key = `${command.process}/${service}`;
            if (!this.pushed.has(key)) this.known.set(key, namesOf(instances));
          }
        }
      }
    }
  }

  wasReady(process: ProcessName): boolean {
    return this.readyProcesses.has(process);
  }

  isReady(name: string): boolean {
    return this.ready.has(name);
  }

  private noteReady(instance: SubtaskName, attempt: number): void {
    this.ready.add(`${instance}/${attempt}`);
    this.readyProcesses.add(`service:${instance}`);
  }
}

export function checkEndpoints(record: EndpointRecord, master: JobMasterState, draining: ReadonlySet<SubtaskName>): void {
  if (master.ended || master.recovering !== undefined) return;
  for (const service of master.job.services) {
    if (service.deployment !== "rpc-service" && service.deployment !== "sidecar") continue;
    const tasks = [...master.tasks.values()].filter((task) => task.vertex === service.id);
    const expected = new Set(tasks.filter((task) => task.state === "RUNNING" && !draining.has(task.name)).map((task) => `${task.name}/${task.attempt}`));
    const published = record.published.get(service.id) ?? new Set<string>();
    for (const name of published) {
      ensure(record.isReady(name), "endpoint-not-ready", `${name} is among the endpoints of ${service.id} and never was ready`);
      ensure(expected.has(name), "endpoint-gone", `${name} is among the endpoints of ${service.id} and takes no calls`);
    }
    for (const name of expected) ensure(published.has(name), "endpoint-missing", `${name} takes calls and is not among the endpoints of ${service.id}`);
    checkClients(record, master, service.id, service.deployment === "sidecar", expected);
  }
}

function checkClients(record: EndpointRecord, master: JobMasterState, service: string, sidecar: boolean, expected: ReadonlySet<string>): void {
  const callers = new Set<ProcessName>();
  for (const task of master.tasks.values()) {
    const deployed = task.state === "DEPLOYING" || task.state === "INITIALIZING" || task.state === "RUNNING";
    if (deployed && task.process !== undefined && master.topology.servicesCalledBy(task.vertex).includes(service)) callers.add(task.process);
  }
  for (const process of callers) {
    const own = sidecar ? [...expected].filter((name) => name.startsWith(`${service}#${process.split(":")[1]}/`)) : [...expected];
    const known = record.known.get(`${process}/${service}`) ?? new Set<string>();
    const same = known.size === own.length && own.every((name) => known.has(name));
    ensure(same, "clients-behind", `clients of ${service} in ${process} go by [${[...known].join(", ")}]; [${own.join(", ")}] take calls`);
  }
}

function namesOf(instances: readonly { readonly instance: SubtaskName; readonly attempt: number }[]): ReadonlySet<string> {
  return new Set(instances.map(({ instance, attempt }) => `${instance}/${attempt}`));
}
