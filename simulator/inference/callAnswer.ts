/** What an instance answers a call with: its outputs, or why there are none, as a gRPC status or as a message on a stream. */
import { status } from "@grpc/grpc-js";
import { closesCallCycle } from "../core/serviceCallCycle";
import type { ErrorCode } from "../graph/errors";
import {
  CACHE_HITS_PARAMETER,
  CALL_CHAIN_PARAMETER,
  CODE_PARAMETER,
  STATUS_PARAMETER,
  type InferParameters,
  type ModelInferRequest,
  type ModelInferResponse,
  type ModelStreamInferResponse,
} from "../proto/openInference";
import type { BatchedModel, CallOutcome } from "./batchedModel";
import { CallRefused, inferResponse, type ParsedRequest } from "./inferRequest";

export function responseTo(
  name: string,
  request: ModelInferRequest,
  parsed: ParsedRequest,
  { outputs, cacheHits = 0 }: Extract<CallOutcome, { kind: "ok" }>,
): ModelInferResponse {
  const response = inferResponse(name, request.id ?? "", parsed, outputs);
  return cacheHits === 0
    ? response
    : { ...response, parameters: { [CACHE_HITS_PARAMETER]: { int64Param: cacheHits } } };
}

const NOBODY: readonly string[] = [];

/**
 * Services that wait for a request. One for which this very service waits already would wait for itself.
 * @throws CallRefused FAILED_PRECONDITION, FL1011
 */
export function callChainOf(parameters: InferParameters | undefined, service: string): readonly string[] {
  const text = parameters?.[CALL_CHAIN_PARAMETER]?.stringParam;
  if (text === undefined || text === "") return NOBODY;
  const chain = text.split(",");
  const cycle = closesCallCycle(chain, service);
  if (cycle === undefined) return chain;
  throw new CallRefused(status.FAILED_PRECONDITION, cycleText(cycle), "FL1011");
}

export function cycleText(cycle: readonly string[]): string {
  return `Services wait for each other: ${cycle.join(" calls ")}. Each instance runs one request at a time, so none would ever be answered.`;
}

/**
 * Of what a service's code ran into: what would come again is not to be tried again. A model that failed is INTERNAL. DEADLINE_EXCEEDED says that the
 * request itself was dropped in time, so a call that the code made and that took too long is another thing.
 */
const FAILURE_STATUS: Partial<Record<ErrorCode, status>> = {
  FL1010: status.FAILED_PRECONDITION,
  FL1011: status.FAILED_PRECONDITION,
  FL2004: status.UNKNOWN,
  FL3004: status.INVALID_ARGUMENT,
  FL3009: status.UNKNOWN,
};

export function refused(outcome: Exclude<CallOutcome, { kind: "ok" }>, model: BatchedModel): CallRefused {
  if (outcome.kind === "failed") {
    const { code, message } = outcome.error;
    return new CallRefused(FAILURE_STATUS[code] ?? status.INTERNAL, message, code);
  }
  const { maxLength, maxWaitMs } = model.queueConfig;
  switch (outcome.reason) {
    case "queue-full":
      return new CallRefused(
        status.RESOURCE_EXHAUSTED,
        `The queue is full (queue.maxLength is ${maxLength}).`,
        "FL3007",
      );
    case "wait":
      return new CallRefused(
        status.RESOURCE_EXHAUSTED,
        `The request waited longer than queue.maxWait (${maxWaitMs} ms).`,
        "FL3007",
      );
    case "too-large":
      return new CallRefused(status.INVALID_ARGUMENT, `A request may have at most ${model.maxRows} rows.`, "FL3004");
    case "deadline":
      return new CallRefused(status.DEADLINE_EXCEEDED, "The deadline passed before the model could run.", "FL3009");
    case "cancelled":
      return new CallRefused(status.CANCELLED, "The caller has gone.");
    case "draining":
      return new CallRefused(status.UNAVAILABLE, "This instance is going away.", "FL3008");
  }
}

export function statusOf(error: unknown): { code: status; details: string } {
  if (error instanceof CallRefused) return { code: error.status, details: error.message };
  return { code: status.INTERNAL, details: error instanceof Error ? error.message : String(error) };
}

/** A refusal on a stream: the stream goes on, so the status travels in the message. */
export function refusal(request: ModelInferRequest, error: unknown): ModelStreamInferResponse {
  const { code, details } = statusOf(error);
  const faultlineCode: ErrorCode | undefined = error instanceof CallRefused ? error.code : undefined;
  return {
    errorMessage: details,
    inferResponse: {
      modelName: request.modelName,
      id: request.id ?? "",
      outputs: [],
      parameters: {
        [STATUS_PARAMETER]: { int64Param: code },
        ...(faultlineCode === undefined ? {} : { [CODE_PARAMETER]: { stringParam: faultlineCode } }),
      },
    },
  };
}
