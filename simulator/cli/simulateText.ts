/** Simulation results as people read them: a table with a column for each combination, and a sweep's table. */
import { formatDuration } from "../graph/durations";
import { numberText, resultTable, sweepTable } from "../observe/simulationFigures";
import type { SimulationResult, SweepRow } from "../observe/simulationResult";
import type { SimulationPlan } from "../virtual/simulation";
import type { Sweep } from "./simulateOptions";

export function simulationText(plan: SimulationPlan, results: readonly SimulationResult[]): string {
  const { job, arrivals, failures } = plan;
  const burst = arrivals.burst === undefined ? "" : `, ${arrivals.burst.factor} times as many for ${formatDuration(arrivals.burst.lastsMs)} every ${formatDuration(arrivals.burst.everyMs)}`;
  const quiet = failures.everyMs === undefined && Object.keys(failures.mtbfMs).length === 0;
  const lines = [
    `${job.name}: ${formatDuration(plan.durationMs)} of virtual time, seeds ${plan.seed} to ${plan.seed + plan.seeds - 1}, ${numberText(arrivals.ratePerSecond)} records/s${burst}`,
    `parallelism ${job.runtime.parallelism}, ${job.runtime.taskManagers} TaskManagers${results.length === 0 ? "" : `, ${results[0].nodes} nodes`}${quiet ? "; nothing fails (--mtbf device=1000h or --fault-every 5m)" : ""}`,
    "",
    ...table(resultTable(results)),
    ...new Set(results.flatMap(({ deployment, causes }) => causes.map((cause) => `${deployment}: ${cause}`))),
    ...(plan.seeds > 1 ? ["", "Means over the seeds; ± holds the true mean with a probability of 95 %."] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function table(cells: readonly (readonly string[])[]): string[] {
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column] + 2))).join("").trimEnd());
}

export function sweepText({ parameter }: Sweep, points: readonly SweepRow[]): string {
  const cells = sweepTable(parameter, points);
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  return cells.map((row) => row.map((cell, column) => (column > 0 && column < 3 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join("  ")).join("\n");
}
