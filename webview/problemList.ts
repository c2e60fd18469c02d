/** Why there is no picture, or what is doubtful about it. */
import { formatProblem } from "../simulator/graph/errors";
import type { Problem } from "../simulator/graph/errors";
import type { HostMessageOf } from "./protocol";

export function drawProblems(
  host: HTMLElement,
  message: HostMessageOf<"problems">,
  hasPicture: boolean,
  open: (problem: Problem) => void,
): void {
  host.replaceChildren();
  const { problems } = message;
  if (problems.length === 0) return;
  const box = document.createElement("div");
  box.className = hasPicture ? "problems over" : "problems";
  box.setAttribute("role", "alert");
  const title = document.createElement("h2");
  title.textContent = hasPicture
    ? "The job file has problems; this is the last graph that could be drawn."
    : "The graph cannot be drawn yet.";
  const list = document.createElement("ul");
  for (const problem of problems.slice(0, 50)) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    const { line, column } = problem.location ?? {};
    button.textContent =
      line === undefined ? problem.code : `${problem.code}, line ${line}${column === undefined ? "" : `:${column}`}`;
    button.title = formatProblem(problem);
    button.addEventListener("click", () => open(problem));
    const words = document.createElement("span");
    words.textContent = ` ${problem.message}${problem.hint === undefined ? "" : ` ${problem.hint}`}`;
    item.append(button, words);
    list.append(item);
  }
  box.append(title, list);
  if (problems.length > 50) box.append(`and ${problems.length - 50} more`);
  host.append(box);
}
