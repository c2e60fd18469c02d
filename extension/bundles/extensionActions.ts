/** The bundle `dist/extensionActions.js`: following a run, drawing and editing its graph, breaking things. Loaded with the first of them. */
export { JobGraphPanel } from "../graph/jobGraphPanel";
export { FAULT_CHOICES } from "../runs/faultChoices";
export { FailureInjector } from "../runs/injectFailure";
export { readJournalFile } from "../runs/journalFileRun";
export { RunSession } from "../runs/runSession";
