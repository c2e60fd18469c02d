/** Work on a large picture is done in slices, each in a task of its own, so that input, messages and frames get their turn in between. */

/** Between two slices. */
const PAUSE_MS = 4;
/** Longer than this the page does not work at a time while it makes a picture ready, ms by the clock; the step that is begun goes on. */
const SLICE_MS = 5;

/** Does what there is to do in slices; undefined when it is not wanted any more. */
export async function inSlices<T>(steps: Generator<void, T>, wanted: () => boolean): Promise<T | undefined> {
  let end = performance.now() + SLICE_MS;
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value;
    if (performance.now() < end) continue;
    await anotherTask();
    if (!wanted()) return undefined;
    end = performance.now() + SLICE_MS;
  }
}

/**
 * A little after the present task, and after the frame that comes next where one is due. The pause begins with a message to ourselves: one that
 * began now would run out while the browser lays out and paints that frame, and the next slice would follow it with nothing else in between.
 */
export function anotherTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      setTimeout(resolve, PAUSE_MS);
    };
    port2.postMessage(undefined);
  });
}
