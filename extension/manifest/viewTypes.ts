/** Ids that both the manifest and the code that registers them name. Apart from the manifest's tables, which are not needed to wake up. */

/** The graph of a job file, as an editor of it beside the text. */
export const JOB_GRAPH_EDITOR = "faultline.jobGraphEditor";
/** The graph of a run, as its journal has it. */
export const JOB_GRAPH_VIEW_TYPE = "faultline.jobGraph";
export const REPORT_VIEW_TYPE = "faultline.report";
export const SIMULATE_VIEW_TYPE = "faultline.simulate";
export const RUNS_VIEW = "faultline.runs";
export const FLINK_VIEW = "faultline.flink";
export const DEBUG_TYPE = "faultline";
/** Set while at least one run is going on that can be reached from here. */
export const RUN_ACTIVE = "faultline.runActive";
