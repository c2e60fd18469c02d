/**
 * Faults on a Flink cluster that is there: a command of the person does it, and another one heals it. That a process is gone is believed when
 * the cluster says so; of anything else, that the command ended well.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { findFault } from "../../faults/catalogue";
import type { FlinkExperiment, ScheduledFault } from "../../faults/experiment";
import type { FaultDefinition } from "../../faults/faultDefinition";
import { parameterValues } from "../../faults/faultParameter";
import { parseFaultTarget } from "../../faults/faultTarget";
import { taskManagerProcess } from "../../flink/failoverEpisode";
import { JOB_MANAGER } from "../../flink/jobHistory";
import { FaultlineError, type ErrorLocation } from "../../graph/errors";
import type { JournalEvent, JournalEventBody, ProcessName } from "../../observe/journalEvent";
import type { FaultRequest } from "../run";

/** A command that runs longer is ended. */
const LIMIT_MS = 120_000;

/** A command of an experiment as the person is asked about it. */
export interface PlannedCommand {
  /** `crash on taskmanager:0`. */
  readonly for: string;
  readonly command: string;
  readonly heal: string | undefined;
  readonly location: ErrorLocation | undefined;
}

export function plannedCommands(faults: readonly ScheduledFault[]): readonly PlannedCommand[] {
  return faults.flatMap(({ fault, target, command, heal, location }) =>
    command === undefined ? [] : [{ for: `${fault} on ${target}`, command, heal, location }],
  );
}

/** What has to be confirmed, as text for a person. */
export function commandsText(experiment: string, flink: FlinkExperiment, commands: readonly PlannedCommand[]): string {
  const where = flink.cluster.kind === "there" ? ` against ${flink.cluster.url}` : "";
  return [
    `${experiment} runs these commands on this machine${where}:`,
    ...commands.flatMap((one) => [
      `  ${one.for}: ${one.command}`,
      ...(one.heal === undefined ? [] : [`    healed by: ${one.heal}`]),
    ]),
  ].join("\n");
}

export function notConfirmed([first, ...more]: readonly PlannedCommand[]): FaultlineError {
  const others = more.length === 0 ? "" : `, and there are ${more.length} more`;
  return FaultlineError.of(
    "FL5017",
    `The commands were not confirmed, so that nothing was run: ${first?.for ?? "a fault"} would run \`${first?.command.slice(0, 200) ?? ""}\`${others}.`,
    "Read them and say yes, or give --yes where nobody can be asked.",
    first?.location,
  );
}

interface ActiveCommand {
  readonly injection: number;
  readonly definition: FaultDefinition;
  /** What Flink calls the process that is hit; `undefined` where it is no process. */
  readonly process: ProcessName | undefined;
  readonly heal: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  timer: NodeJS.Timeout | undefined;
  isEffective: boolean;
}

export interface CommandFaultsHost {
  append(body: JournalEventBody): void;
  /** Ids of the TaskManagers as of now. */
  taskManagers(): Promise<readonly string[]>;
  /** What commands find in their environment besides our own. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where commands run: the folder of the experiment's file. */
  readonly directory: string;
}

export class CommandFaults {
  private injections = 0;
  private readonly active: ActiveCommand[] = [];
  private readonly running = new Set<ChildProcess>();
  private ended = false;

  constructor(private readonly host: CommandFaultsHost) {}

  /** Resolves when the command was started. @throws FaultlineError FL1031, FL1033 */
  async inject({
    fault,
    target,
    parameters = {},
    by = "schedule",
    pick,
    command = "",
    heal,
  }: FaultRequest): Promise<void> {
    const definition = findFault(fault);
    const values = parameterValues(definition, parameters);
    const process = await this.processOf(target, pick);
    const injection = ++this.injections;
    const environment = {
      ...this.host.environment,
      FAULTLINE_FAULT: fault,
      FAULTLINE_TARGET: target,
      ...(process?.startsWith("taskmanager:") === true
        ? { FAULTLINE_TASKMANAGER: process.slice("taskmanager:".length) }
        : {}),
      ...Object.fromEntries(
        Object.entries(values).map(([name, value]) => [
          `FAULTLINE_SET_${name.replace(/[^A-Za-z0-9]+/g, "_").toUpperCase()}`,
          String(value),
        ]),
      ),
    };
    const momentary = definition.heal === undefined && heal === undefined;
    this.host.append({
      kind: "fault.injected",
      injection,
      fault,
      target: process ?? target,
      parameters: { ...values, target, command },
      by,
      ...(momentary ? { momentary } : {}),
    });
    const active: ActiveCommand = {
      injection,
      definition,
      process,
      heal,
      environment,
      timer: undefined,
      isEffective: false,
    };
    this.active.push(active);
    void this.run(command, environment).then((problem) => {
      if (problem !== undefined) {
        this.remove(active);
        this.host.append({
          kind: "fault.failed",
          injection,
          cause: { code: "FL1033", message: `The command ${problem}`, detail: command },
        });
        return;
      }
      if (definition.evidence !== "process-gone" || process === undefined)
        this.effective(active, "the command ended with 0");
      const { duration } = values;
      if (heal !== undefined && typeof duration === "number" && duration > 0)
        active.timer = setTimeout(() => void this.heal(active, "duration"), duration);
    });
  }

  /** To be given every event of the journal: what the cluster says is what shows that a process is gone. */
  observe(event: JournalEvent): void {
    if (event.kind !== "process.lost") return;
    for (const active of [...this.active]) {
      if (active.definition.evidence === "process-gone" && active.process === event.process)
        this.effective(active, `the cluster has lost ${event.process}`);
    }
  }

  /** Heals what is to be healed, and ends commands that still run. */
  async end(): Promise<void> {
    this.ended = true;
    await Promise.all([...this.active].map((active) => this.heal(active, "end")));
    for (const child of this.running) child.kill("SIGKILL");
  }

  private effective(active: ActiveCommand, evidence: string): void {
    if (active.isEffective) return;
    active.isEffective = true;
    this.host.append({ kind: "fault.effective", injection: active.injection, evidence });
    if (active.heal === undefined) this.remove(active);
  }

  private async heal(active: ActiveCommand, by: "duration" | "end"): Promise<void> {
    if (!this.active.includes(active)) return;
    this.remove(active);
    if (active.heal === undefined) return;
    const problem = await this.run(active.heal, active.environment);
    if (problem === undefined) this.host.append({ kind: "fault.healed", injection: active.injection, by });
    else
      this.host.append({
        kind: "log",
        process: JOB_MANAGER,
        level: "error",
        code: "FL1033",
        message: `The command that heals ${active.environment.FAULTLINE_FAULT} on ${active.environment.FAULTLINE_TARGET} ${problem}`,
      });
  }

  private remove(active: ActiveCommand): void {
    clearTimeout(active.timer);
    const at = this.active.indexOf(active);
    if (at >= 0) this.active.splice(at, 1);
  }

  /** @returns what went wrong, in words that go on after "the command" */
  private run(command: string, environment: Readonly<Record<string, string>>): Promise<string | undefined> {
    return new Promise((resolve) => {
      const child = spawn(command, {
        shell: true,
        cwd: this.host.directory,
        env: { ...process.env, ...environment },
        stdio: ["ignore", "pipe", "pipe"],
      });
      this.running.add(child);
      let said = "";
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
      const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
      child.once("error", (error) => resolve(`could not be started: ${error.message}.`));
      child.once("close", (code, signal) => {
        clearTimeout(timer);
        this.running.delete(child);
        if (code === 0) return resolve(undefined);
        const [last = ""] = said.trimEnd().split("\n").slice(-1);
        const how = signal === null ? `ended with ${code}` : `was ended by ${signal}`;
        resolve(
          this.ended && signal !== null
            ? `${how}: the run was over.`
            : `${how}${last === "" ? "" : `: ${last.slice(0, 300)}`}.`,
        );
      });
    });
  }

  /** `taskmanager:0` is the first of the cluster's TaskManagers in the order of their ids, as of now. */
  private async processOf(target: string, pick: number | undefined): Promise<ProcessName | undefined> {
    if (target === "coordinator") return JOB_MANAGER;
    const isAny = /^taskmanager:.*\*|^\*$/.test(target);
    const parsed = isAny ? undefined : parseFaultTarget(target);
    if (!isAny && parsed?.kind !== "taskmanager") return undefined;
    const ids = [...(await this.host.taskManagers())].sort();
    const index =
      parsed?.kind === "taskmanager" ? parsed.index : Math.min(ids.length - 1, Math.floor((pick ?? 0) * ids.length));
    const id = ids[index];
    if (id !== undefined) return taskManagerProcess(id);
    throw FaultlineError.of(
      "FL1033",
      `The cluster has ${ids.length} TaskManagers at the moment; there is no ${target}.`,
      "They are counted from 0, in the order of their ids.",
    );
  }
}
