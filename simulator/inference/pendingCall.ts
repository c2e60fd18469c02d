/** One call of a client that is not settled: its record's tensors, and whom to tell. There may be thousands: it is kept small. */
import type { Tensor, Tensors } from "../core/tensor";
import { FaultlineError } from "../graph/errors";
import { recordShape, shapeFits, type ModelSignature } from "./modelSignature";
import { bytesElementsLength, dataFitsType, elementCount, tensorText } from "./tensorContents";

export class PendingCall {
  settled = false;
  /** How often it was sent. */
  attempts = 0;
  /** When it was sent last. */
  sentMs = 0;
  /** It was sent to a second instance, since the first took long. */
  hedged = false;
  /** Sent by itself, since a message with others in it was refused. */
  alone = false;
  /** Instance that it was last sent to; a retry prefers another. */
  lastInstance: string | undefined;
  /** Checked by {@link prepareCall}. */
  prepared = false;
  /** About what it takes on the wire. */
  bytes = 0;
  /** Services that wait for it, separated by commas; calls of one chain may share a message. */
  chain = "";
  /** Calls of one group may share a message. */
  group = "";

  constructor(
    readonly inputs: Tensors,
    readonly key: string | undefined,
    readonly startedMs: number,
    readonly deadlineMs: number,
    readonly resolve: (outputs: Tensors) => void,
    readonly reject: (error: FaultlineError) => void,
  ) {}
}

/**
 * Checks a call's tensors against the model, once; a call that passed can be sent.
 * @throws FaultlineError FL3004: a tensor is missing, unknown, of another type or shape, or does not have its elements.
 */
export function prepareCall(call: PendingCall, signature: ModelSignature): void {
  if (call.prepared) return;
  let group = "";
  let count = 0;
  let bytes = 0;
  for (const declared of signature.inputs) {
    const tensor: Tensor | undefined = call.inputs[declared.name];
    if (tensor === undefined) {
      throw FaultlineError.of(
        "FL3004",
        `Input "${declared.name}" of the model is missing.`,
        `Return it from the request function; it returned: ${Object.keys(call.inputs).join(", ") || "nothing"}.`,
      );
    }
    const expected = recordShape(signature, declared);
    if (tensor.type !== declared.type || !shapeFits(expected, tensor.shape)) {
      const wanted = tensorText({ type: declared.type, shape: expected }).replaceAll("-1", "?");
      throw FaultlineError.of(
        "FL3004",
        `Input "${declared.name}" of the model is ${wanted} for one record; ${tensorText(tensor)} was given.`,
        "The batch axis is added by the client.",
      );
    }
    if (!dataFitsType(tensor.type, tensor.data) || tensor.data.length !== elementCount(tensor.shape)) {
      throw FaultlineError.of(
        "FL3004",
        `Input "${declared.name}" says ${tensorText(tensor)}, but its data are ${tensor.data.length} elements of ${dataName(tensor)}.`,
        "Give data of the type's own array class, with as many elements as the shape says.",
      );
    }
    bytes += ArrayBuffer.isView(tensor.data) ? tensor.data.byteLength : bytesElementsLength(tensor.data);
    if (expected.includes(-1)) group += `${tensor.shape.join(",")};`;
  }
  for (const _ in call.inputs) count += 1;
  if (count > signature.inputs.length) {
    const unknown = Object.keys(call.inputs).find(
      (name) => !signature.inputs.some((declared) => declared.name === name),
    );
    throw FaultlineError.of(
      "FL3004",
      `The model has no input "${unknown ?? ""}".`,
      `Its inputs are: ${signature.inputs.map((declared) => declared.name).join(", ")}.`,
    );
  }
  call.prepared = true;
  call.bytes = bytes;
  call.group = group;
}

function dataName(tensor: Tensor): string {
  return ArrayBuffer.isView(tensor.data) ? tensor.data[Symbol.toStringTag] : "strings";
}
