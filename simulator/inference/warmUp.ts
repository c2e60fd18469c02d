/**
 * Runs of a model before its instance joins the balancer: the first runs of a session allocate memory, choose kernels and, on a GPU,
 * compile shaders.
 */
import { FaultlineError } from "../graph/errors";
import { stackParts, type BatchPart } from "./modelBatch";
import type { Runnable } from "./modelSession";
import { ELEMENT_BYTES, elementCount } from "./tensorContents";

/**
 * `runs` runs with zeros: the first with one row, the others with a full batch. Zeros, and size 1 for an axis that the model leaves open,
 * are not what every model can run with; such a model is warm with its first real call instead, so FL3010 is not an error here.
 */
export async function warmUp(
  session: Runnable,
  maxRows: number,
  runs: number,
): Promise<{ readonly completed: number }> {
  let completed = 0;
  // Code has an `open` of its own, and zeros would be passed on to the services that it calls.
  if (session.kind === "code") return { completed };
  for (let run = 0; run < runs; run++) {
    const rows = run === 0 || session.signature.batchAxis.kind !== "dynamic" ? 1 : maxRows;
    try {
      await session.run(stackParts(session.signature, [zeroPart(session, rows)], rows), []);
      completed += 1;
    } catch (error) {
      if (!(error instanceof FaultlineError) || error.code !== "FL3010") throw error;
      break;
    }
  }
  return { completed };
}

/** One run with zeros on the session itself, past queue and batching. Rejects as `ModelSession.run`. */
export async function runOnce(session: Runnable): Promise<void> {
  await session.run(stackParts(session.signature, [zeroPart(session, 1)], 1), []);
}

function zeroPart(session: Runnable, rows: number): BatchPart {
  const { signature } = session;
  const shapes = signature.inputs.map((input) => {
    const shape = input.shape.map((size) => (size === -1 ? 1 : size));
    return signature.batchAxis.kind === "none" ? shape : [rows, ...shape.slice(1)];
  });
  const contents = signature.inputs.map((input, index) => {
    const count = elementCount(shapes[index] ?? []);
    return input.type === "BYTES"
      ? Array.from({ length: count }, () => "")
      : new Uint8Array(count * ELEMENT_BYTES[input.type]);
  });
  return { rows, shapes, contents };
}
