/** What a simulation gave: charts, the table with its intervals, and ways into the journals that were kept. The pictures are the command line's. */
import { barFigures, sweepFigures } from "../../simulator/observe/sweepChart";
import { barsOf, chartOfSweep, resultTable, sweepTable, verdictOf } from "../../simulator/observe/simulationFigures";
import type { SimulationResult, SweepRow } from "../../simulator/observe/simulationResult";
import { button } from "../controls";
import type { KeptJournal } from "./protocol";

export function resultView(
  results: readonly SimulationResult[],
  journals: readonly KeptJournal[],
  open: (journal: KeptJournal, what: "graph" | "report") => void,
): readonly HTMLElement[] {
  const causes = [
    ...new Set(results.flatMap(({ deployment, causes: all }) => all.map((one) => `${deployment}: ${one}`))),
  ];
  return [
    paragraph(verdictOf(results), "verdict"),
    figures(barFigures(barsOf(results))),
    table(resultTable(results), 3, "Results, a column for each combination"),
    ...causes.map((cause) => paragraph(cause, "cause")),
    paragraph("Means over the seeds; ± holds the true mean with a probability of 95 %.", "quiet"),
    ...(journals.length === 0 ? [] : [journalList(journals, open)]),
  ];
}

export function sweepView(job: string, parameter: string, points: readonly SweepRow[]): readonly HTMLElement[] {
  return [
    figures(sweepFigures(chartOfSweep(job, parameter, points))),
    paragraph("Means over the seeds; the bands hold the true mean with a probability of 95 %.", "quiet"),
    table(sweepTable(parameter, points), 1, `Results for each value of ${parameter}`),
  ];
}

/** All text in the charts is escaped where they are made; the page's policy runs no script of theirs in any case. */
function figures(html: string): HTMLElement {
  const element = document.createElement("div");
  element.className = "figures";
  const parsed = new DOMParser().parseFromString(html, "text/html");
  element.append(...parsed.body.childNodes);
  return element;
}

function table(cells: readonly (readonly string[])[], heads: number, caption: string): HTMLElement {
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", caption);
  const element = document.createElement("table");
  const head = element.createTHead();
  const body = element.createTBody();
  cells.forEach((row, position) => {
    const line = (position < heads ? head : body).insertRow();
    row.forEach((text, column) => {
      const isHead = position < heads || column === 0;
      const cell = document.createElement(isHead && text !== "" ? "th" : "td");
      if (cell.tagName === "TH")
        cell.setAttribute(
          "scope",
          position < heads && column > 0 ? "col" : position < heads && heads === 1 ? "col" : "row",
        );
      cell.textContent = text;
      line.append(cell);
    });
  });
  scroll.append(element);
  return scroll;
}

function journalList(
  journals: readonly KeptJournal[],
  open: (journal: KeptJournal, what: "graph" | "report") => void,
): HTMLElement {
  const section = document.createElement("section");
  const title = document.createElement("h2");
  title.textContent = "Journals of the first seed";
  const list = document.createElement("ul");
  list.className = "journals";
  for (const journal of journals) {
    const item = document.createElement("li");
    const name = document.createElement("span");
    const said = `${journal.deployment}, ${journal.failoverStrategy}`;
    name.textContent = said;
    const graph = button({ label: "Graph", look: "secondary", press: () => open(journal, "graph") });
    graph.set({ hint: `Open the graph and timeline of ${said}` });
    const report = button({ label: "Report", look: "secondary", press: () => open(journal, "report") });
    report.set({ hint: `Open the recovery report of ${said}` });
    item.append(name, graph.element, report.element);
    list.append(item);
  }
  section.append(title, list);
  return section;
}

function paragraph(text: string, name: string): HTMLElement {
  const element = document.createElement("p");
  element.className = name;
  element.textContent = text;
  return element;
}
