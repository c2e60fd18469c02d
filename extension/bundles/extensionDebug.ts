/** The bundle `dist/extensionDebug.js`: the debug adapter. Loaded with the first debug session. */
export { JobDebugAdapter } from "../debug/jobDebugAdapter";
