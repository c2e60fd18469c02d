/** What a task gives to its operators: who they are, their functions, and clients of the services that they call. Flink's `RuntimeContext`. */
import type { FunctionRef, OperatorSpec } from "../graph/jobFile";
import { loadFunction } from "../operators/functionModule";
import type { LoadedFunction, OperatorContext } from "../operators/streamOperator";
import { userFunctionFailed } from "../operators/userFunction";
import type { TaskDeployment } from "./controlMessages";
import type { TaskGate } from "./debug/taskGate";
import type { ManagedInferenceClient } from "./inferenceClients";
import type { TaskEnvironment } from "./taskEnvironment";

export interface TaskClient {
  readonly service: string;
  readonly client: ManagedInferenceClient;
}

export interface OperatorContextsOptions {
  readonly environment: TaskEnvironment;
  readonly deployment: TaskDeployment;
  readonly parallelism: number;
  readonly control: OperatorContext["control"];
  /** The task is over: no client is opened any more. */
  readonly isEnded: () => boolean;
  /** Debug runs: stops at the element first. */
  readonly gate?: () => Pick<TaskGate, "failureOf"> | undefined;
}

export class OperatorContexts {
  readonly clients: TaskClient[] = [];

  constructor(private readonly options: OperatorContextsOptions) {}

  of(operator: OperatorSpec, keyField: string | undefined): OperatorContext {
    const { environment, deployment, parallelism, control, isEnded, gate } = this.options;
    const { task, index: subtask, attempt } = deployment;
    const fail = (error: unknown): void => control.fail(error);
    return {
      operator,
      task,
      subtask,
      parallelism,
      attempt,
      runDirectory: environment.runDirectory,
      checkpointing: environment.checkpointing !== undefined,
      keyField,
      functionContext: { operator: operator.id, subtask, parallelism, attempt },
      control,
      failureOf: (value, timestamp, key) => gate?.()?.failureOf(operator.id, value, timestamp, key) ?? fail,
      loadFunction: (ref) => this.loadFunction(ref, operator.id),
      openClient: async (service, model) => {
        const client = await environment.openClient(service, deployment, model);
        if (isEnded()) {
          await client.close();
          throw new Error("canceled");
        }
        this.clients.push({ service, client });
        return client;
      },
    };
  }

  loadFunction<F>(ref: FunctionRef, operator: string): LoadedFunction<F> {
    const { modules } = this.options.environment;
    return {
      call: loadFunction(ref, modules) as F,
      failed: (error, value) => userFunctionFailed(error, value, ref, operator, modules),
    };
  }
}
