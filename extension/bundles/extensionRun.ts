/** The bundle `dist/extensionRun.js`: starting runs, finding them, reading and reporting them. Loaded with the first run. */
export { loadExperiment, runExperiment } from "../../simulator/client/runExperiment";
export { listRuns, openRun } from "../../simulator/client/openRun";
export { startKeptRun, takeOverRun } from "../../simulator/client/keptRun";
export { watchFlink } from "../../simulator/client/watchFlink";
export { connectFlink } from "../../simulator/client/connectFlink";
export { connectStreamDebugger } from "../../simulator/client/streamDebugConnection";
export { readJournal } from "../../simulator/observe/journalReader";
export { recoveryReport, renderReport, renderTrace } from "../report/renderRunReport";
export { journalPieces } from "../graph/journalPieces";
export { wholeRunPage } from "../graph/wholeRunPage";
