/**
 * "Run this model as an RPC service", as an edit of the job file that keeps its comments and layout. An operator that calls a service
 * already gets that service a `deployment` of its own; one that computes by itself becomes the client of a new service.
 */
import { applyEdits, modify, type Edit, type JSONPath, type ModificationOptions } from "jsonc-parser";
import { analyzeJob, describeAnalyzed } from "../../simulator/graph/describeGraph";
import { FaultlineError } from "../../simulator/graph/errors";
import type { GraphDescription } from "../../simulator/graph/graphDescription";
import { isolateOperator } from "../../simulator/graph/isolateOperator";
import type { JobSpec } from "../../simulator/graph/jobFile";
import { parseJobFile } from "../../simulator/graph/parseJobFile";
import type { Indentation } from "./jobFileFixes";
import { nodeAtPath, readTree } from "./jobFileTree";

export interface IsolatedInJobFile {
  /** All of them hold for the text as it is; applied together. */
  readonly edits: readonly Edit[];
  readonly after: GraphDescription;
  /** What changes in the file, one sentence each. */
  readonly changes: readonly string[];
}

/**
 * @param operator id of an operator, as in the job file
 * @throws FaultlineError FL1010 when there is no such operator; FL1015 when it has nothing that a service could do, or does it already;
 * FL1003 when the file has errors
 */
export function isolateInJobFile(
  text: string,
  file: string,
  operator: string,
  indentation: Indentation,
): IsolatedInJobFile {
  const { job } = parseJobFile(text, file);
  if (job === undefined) throw FaultlineError.of("FL1003", "The job file has errors.", "Mend them first.");
  const spec = job.operators.find(({ id }) => id === operator);
  if (spec === undefined || nodeAtPath(readTree(text), ["operators", operator]) === undefined)
    throw FaultlineError.of("FL1010", `The job file has no operator "${operator}".`, "Choose one of its operators.");
  const edit = (path: JSONPath, value: unknown): Edit[] => modify(text, path, value, optionsFor(text, indentation));
  const called = spec.kind === "rpc" ? job.services.find(({ id }) => id === spec.rpc.service) : undefined;
  if (called !== undefined) {
    if (called.deployment === "rpc-service") {
      throw FaultlineError.of(
        "FL1015",
        `The model of "${operator}" runs as an RPC service already: "${called.id}".`,
        "Choose an operator whose model runs within its task.",
      );
    }
    const edits = edit(["services", called.id, "deployment"], "rpc-service");
    const changes = [`The deployment of "${called.id}" becomes rpc-service; it was ${called.deployment}.`];
    if (called.addresses.length > 0) {
      edits.push(...edit(["services", called.id, "addresses"], undefined));
      changes.push(`Its addresses go: its instances run within the job.`);
    }
    const changed = applyEdits(text, [...edits]);
    return { edits, changes, after: graphOf(changed, file) ?? rpcServiceGraph(job, called.id) };
  }
  const { vertex, operator: found } = placeOf(job, operator);
  const { after, serviceId } = isolateOperator(analyzeJob(job), `${vertex}/${found}`);
  const model = `model/${operator}.onnx`;
  return {
    edits: [
      ...edit(["services", serviceId], { model, deployment: "rpc-service" }),
      ...edit(["operators", operator], { type: "rpc", service: serviceId }),
    ],
    changes: [
      `"${operator}" becomes an rpc operator that calls the new service "${serviceId}".`,
      `The service's model is to be filled in: ${model} is only a name.`,
    ],
    after: describeAnalyzed(after),
  };
}

function placeOf(job: JobSpec, operator: string): { readonly vertex: string; readonly operator: string } {
  for (const vertex of analyzeJob(job).vertices) {
    const found = vertex.operators.find(({ id }) => id === operator);
    if (found !== undefined) return { vertex: vertex.id, operator: found.id };
  }
  throw FaultlineError.of("FL1010", `The graph has no operator "${operator}".`, "Choose one of its operators.");
}

function graphOf(text: string, file: string): GraphDescription | undefined {
  const { job } = parseJobFile(text, file);
  return job === undefined ? undefined : describeAnalyzed(analyzeJob(job));
}

/** Where the edited file still lacks something (a model, say), the graph is that of the job with this service within it. */
function rpcServiceGraph(job: JobSpec, service: string): GraphDescription {
  const services = job.services.map((one) =>
    one.id === service ? { ...one, deployment: "rpc-service" as const, addresses: [] } : one,
  );
  return describeAnalyzed(analyzeJob({ ...job, services }));
}

function optionsFor(text: string, indentation: Indentation): ModificationOptions {
  return { formattingOptions: { ...indentation, eol: text.includes("\r\n") ? "\r\n" : "\n" } };
}
