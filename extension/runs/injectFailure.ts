/** `Inject Failure…`: which run, which target, which fault, with which parameters; each asked only where it is not known yet. */
import type * as vscode from "vscode";
import { FaultlineError } from "../../simulator/graph/errors";
import { linkKind } from "../../simulator/faults/faultTarget";
import type { FaultChoice, FaultParameter } from "../../webview/protocol";
import { inputOf, pickOf } from "../personInput";
import { faultsFor } from "./faultChoices";
import type { RunSession } from "./runSession";
import type { RunStore } from "./runStore";
import { faultTargets } from "./runView";

export interface InjectRequest {
  readonly runId?: string;
  readonly target?: string;
  readonly fault?: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

interface Injection {
  readonly fault: string;
  readonly target: string;
  readonly parameters: Readonly<Record<string, string>>;
}

const LAST_INJECTION = "faultline.lastInjection";

export class FailureInjector {
  constructor(
    private readonly runs: RunStore,
    private readonly memory: vscode.Memento,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** Asks for what the request leaves open, then injects. Does nothing when the person turns away. */
  async inject(request: InjectRequest): Promise<void> {
    const session = await this.pickRun(request.runId);
    if (session === undefined) return;
    const wanted = request.target ?? (await this.pickTarget(session, "Inject Failure: What Shall Fail?"));
    if (wanted === undefined) return;
    const target = actingTarget(session, wanted);
    const choice = await this.pickFault(target, request.fault);
    if (choice === undefined) return;
    const parameters = request.parameters ?? (await askParameters(choice, this.last()?.parameters ?? {}));
    if (parameters === undefined) return;
    await this.act(session, { fault: choice.fault, target, parameters });
  }

  /** The last failure once more, on the run that goes on now. */
  async repeatLast(): Promise<void> {
    const last = this.last();
    if (last === undefined) return this.inject({});
    const session = await this.pickRun(undefined);
    if (session !== undefined) await this.act(session, last);
  }

  async killServiceInstance(): Promise<void> {
    const session = await this.pickRun(undefined);
    if (session === undefined) return;
    const target = await this.pickTarget(session, "Kill Which Service Instance?", "service:");
    if (target !== undefined) await this.act(session, { fault: "crash", target, parameters: {} });
  }

  /** A model that finds no room on its device; on the CPU, in its process. */
  async exhaustGpuMemory(): Promise<void> {
    const session = await this.pickRun(undefined);
    if (session === undefined) return;
    const target = await this.pickTarget(session, "Exhaust the Memory of Which Service Instance's Device?", "service:");
    if (target !== undefined) await this.inject({ runId: session.id, target, fault: "device-out-of-memory" });
  }

  /** Nothing passes between two processes any more, until it is healed. */
  async partition(): Promise<void> {
    const session = await this.pickRun(undefined);
    if (session === undefined) return;
    const processes = faultTargets(session.view).filter(({ target }) => !target.startsWith("task:"));
    const pick = async (title: string, wanted: (target: string) => boolean): Promise<string | undefined> => {
      const items = processes.filter(({ target }) => wanted(target));
      const choices = items.map(({ target, detail }) => ({ label: target, description: detail }));
      return (await pickOf(choices, { title }))?.label;
    };
    const from = await pick("Partition: Which Process?", () => true);
    if (from === undefined) return;
    const to = await pick(`Partition: ${from} From Which Other?`, (target) => linkKind(from, target) !== undefined);
    if (to === undefined) return;
    await this.inject({ runId: session.id, target: `link:${from}->${to}`, fault: "black-hole" });
  }

  async healAll(runId: string | undefined): Promise<void> {
    const session = await this.pickRun(runId);
    await session?.heal();
  }

  private async act(session: RunSession, injection: Injection): Promise<void> {
    this.log.info(`Run ${session.id}: ${injection.fault} on ${injection.target}`);
    await session.inject(injection);
    await this.memory.update(LAST_INJECTION, injection);
  }

  private last(): Injection | undefined {
    return this.memory.get<Injection>(LAST_INJECTION);
  }

  private async pickRun(runId: string | undefined): Promise<RunSession | undefined> {
    if (runId !== undefined) {
      const session = this.runs.get(runId);
      if (session?.active === true) return session;
      throw FaultlineError.of("FL1040", "This run is over.", "Run the job again to inject failures into it.");
    }
    const active = this.runs.active();
    if (active.length === 0) throw FaultlineError.of("FL1040", "No run is going on.", "Run a job first.");
    if (active.length === 1) return active[0];
    const items = active.map((session) => ({ label: session.job, description: session.id, session }));
    return (await pickOf(items, { title: "Inject Failure: Into Which Run?" }))?.session;
  }

  private async pickTarget(session: RunSession, title: string, prefix = ""): Promise<string | undefined> {
    const items = faultTargets(session.view)
      .filter(({ target }) => target.startsWith(prefix) && faultsFor(actingTarget(session, target)).length > 0)
      .map(({ target, detail }) => ({ label: target, description: detail }));
    if (items.length === 0) {
      throw FaultlineError.of(
        "FL1031",
        `Run ${session.id} has nothing here that can fail.`,
        "Wait until its processes are up.",
      );
    }
    const options = { title, placeHolder: `Processes and tasks of ${session.job}`, matchOnDescription: true };
    return (await pickOf(items, options))?.label;
  }

  private async pickFault(target: string, fault: string | undefined): Promise<FaultChoice | undefined> {
    const choices = faultsFor(target);
    if (fault !== undefined) {
      const choice = choices.find((one) => one.fault === fault);
      if (choice !== undefined) return choice;
      throw FaultlineError.of(
        "FL1033",
        `The fault "${fault}" cannot act on ${target}.`,
        "Choose another fault or target.",
      );
    }
    if (choices.length === 0)
      throw FaultlineError.of("FL1033", `No fault can act on ${target}.`, "Choose another target.");
    const last = this.last()?.fault;
    const ordered = [...choices].sort((a, b) => Number(b.fault === last) - Number(a.fault === last));
    const items = ordered.map((choice) => ({
      label: choice.label,
      description: choice.fault === last ? "last used" : choice.group,
      detail: choice.description,
      choice,
    }));
    const picked = await pickOf(items, {
      title: `Inject Failure: ${target}`,
      placeHolder: "What shall happen to it",
      matchOnDetail: true,
    });
    return picked?.choice;
  }
}

/** A fault that cannot act on a stream task alone acts on the process that hosts it; the picker's title names that process. */
function actingTarget(session: RunSession, target: string): string {
  if (!target.startsWith("task:") || faultsFor(target).length > 0) return target;
  const name = target.slice("task:".length);
  const prefix = name.endsWith("#*") ? name.slice(0, -1) : undefined;
  const task = [...session.view.tasks.values()].find((one) =>
    prefix === undefined ? one.name === name : one.name.startsWith(prefix),
  );
  return task?.process ?? target;
}

/** Required parameters are asked; the others only on wish, each with its default. */
async function askParameters(
  choice: FaultChoice,
  last: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>> | undefined> {
  if (choice.parameters.length === 0) return {};
  const values: Record<string, string> = {};
  for (const parameter of choice.parameters) {
    const value = last[parameter.name] ?? parameter.default;
    if (value !== undefined) values[parameter.name] = value;
  }
  for (const parameter of choice.parameters.filter(({ required, name }) => required && values[name] === undefined)) {
    const value = await askParameter(choice, parameter, values[parameter.name]);
    if (value === undefined) return undefined;
    values[parameter.name] = value;
  }
  for (;;) {
    const inject = { label: "$(zap) Inject", parameter: undefined };
    const items = choice.parameters.map((parameter) => ({
      label: parameter.label,
      description: values[parameter.name] ?? "not set",
      detail: parameter.description,
      parameter,
    }));
    const picked = await pickOf([inject, ...items], {
      title: `Inject Failure: ${choice.label}`,
      placeHolder: "Inject, or change a parameter first",
    });
    if (picked === undefined) return undefined;
    if (picked.parameter === undefined) return values;
    const value = await askParameter(choice, picked.parameter, values[picked.parameter.name]);
    if (value !== undefined) values[picked.parameter.name] = value;
  }
}

function askParameter(
  choice: FaultChoice,
  parameter: FaultParameter,
  value: string | undefined,
): Thenable<string | undefined> {
  const title = `${choice.label}: ${parameter.label}`;
  if (parameter.choices !== undefined) {
    return pickOf([...parameter.choices], { title, placeHolder: parameter.description });
  }
  return inputOf({ title, prompt: parameter.description, value });
}
