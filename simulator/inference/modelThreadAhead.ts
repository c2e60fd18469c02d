/**
 * Imported first by a process that will run a model: its thread then loads ONNX Runtime while the rest of the process's code is being
 * loaded, gRPC above all.
 */
import { startModelThreadAhead } from "./modelThreadStart";

startModelThreadAhead();
