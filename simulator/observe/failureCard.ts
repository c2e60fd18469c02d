/** The card of one failure on the report's page: its story in sentences, and its phases as steps on one scale. */
import { cut, escapeHtml } from "./escapeHtml";
import { durationText } from "./figureText";
import { failureSentences, failureTitle } from "./reportSentences";
import type { FailureReport, PhaseMark, RunReport } from "./runReport";

const NAMES: Readonly<Record<PhaseMark["phase"], string>> = {
  injected: "injected",
  effective: "took effect",
  detected: "noticed",
  ejected: "out of the balancer",
  "restart decided": "restart decided",
  cancelled: "tasks cancelled",
  "process up": "process up",
  redeployed: "tasks redeployed",
  "model loading": "model loading begins",
  "warming up": "warming up begins",
  ready: "ready",
  registered: "back in the balancer",
  "first answer": "first answer",
  restored: "state restored",
  running: "tasks running",
  "caught up": "throughput back",
  healed: "healed",
};

export function failureCard(failure: FailureReport, number: number, report: RunReport): string {
  const sentences = failureSentences(failure, report).map((sentence) => `<li>${escapeHtml(cut(sentence, 2000))}</li>`);
  const touched =
    failure.restartedTasks.length + failure.restartedInstances.length > 0 || failure.detectedAfterMs !== null;
  const last = Math.max(failure.phases.at(-1)?.afterMs ?? 0, failure.recoveredAfterMs ?? 0, 50);
  const zoom = [
    Math.max(0, failure.injectedAtMs - last * 0.4),
    Math.min(report.run.durationMs, failure.injectedAtMs + last * 1.6),
  ];
  return (
    `<section class="card${touched ? "" : " quiet"}" id="failure-${number}"><header>` +
    `<h3><span class="badge">${number}</span>${escapeHtml(cut(failureTitle(failure), 400))}</h3>` +
    `<button type="button" class="hidden" data-zoom="${zoom.map((ms) => Math.round(ms)).join(" ")}">Show in the timeline</button></header>` +
    `<div class="columns"><ul class="story">${sentences.join("")}</ul>${steps(failure)}</div></section>`
  );
}

function steps(failure: FailureReport): string {
  const { phases } = failure;
  if (phases.length < 2) return "<div></div>";
  const last = phases.at(-1)?.afterMs ?? 0;
  const share = (ms: number): string => `${last > 0 ? Math.round((ms / last) * 10_000) / 100 : 0}%`;
  const worksAt = failure.recoveredAfterMs ?? Infinity;
  const severed = failure.detectedAfterMs !== null;
  // Which one it was says something only where there are several.
  const several = failure.restartedInstances.length > 1;
  const rows = phases.map((phase, index) => {
    const before = phases[index - 1]?.afterMs ?? 0;
    const from = Math.max(0, before);
    const broken = severed && phase.afterMs <= worksAt;
    const subject =
      phase.subject === undefined || !several
        ? ""
        : ` <span class="subject">${escapeHtml(cut(phase.subject, 60))}</span>`;
    const who = phase.subject === undefined ? "" : ` title="${escapeHtml(cut(phase.subject, 200))}"`;
    const bar =
      index === 0
        ? ""
        : `<i${broken ? ' class="broken"' : ""} style="left:${share(from)};width:${share(Math.max(0, phase.afterMs - from))}"></i>`;
    return (
      `<tr${who}><th scope="row" class="phase">${NAMES[phase.phase]}${subject}</th><td class="time">${escapeHtml(durationText(phase.afterMs))}</td>` +
      `<td><div class="lapse">${bar}</div></td></tr>`
    );
  });
  const caption = severed ? "<caption>hatched: until it worked again · times from the injection</caption>" : "";
  return `<table class="steps">${caption}<tbody>${rows.join("")}</tbody></table>`;
}
