/** The fault `memory-exhaustion`: this process runs out of memory for real. */
import { limitAddressSpace } from "../inference/addressSpace";
import type { FaultWork } from "./faultPerformer";

/** Time for an answer that is on its way. */
const BEFORE_MS = 20;
const STEP = 65_536;

/** The process gets a limit a little above what it has, and allocates until an allocation fails: that ends it. */
export const exhaustMemory: FaultWork = ({ parameters }) => {
  limitAddressSpace(Number(parameters.headroom));
  setTimeout(() => {
    const kept: number[][] = [];
    for (;;) kept.push(new Array<number>(STEP).fill(kept.length));
  }, BEFORE_MS);
};
